"""Metrics: everything is counted once, over all processes, and nobody is named (CASES.md, AZ-11, OP-07)."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from postkeep.adapters.prometheus_metrics import PrometheusMetrics
from postkeep.bootstrap.metrics import Metrics, metrics_of
from postkeep.settings import Settings
from tests.databases import MariaDbServer, free_port
from tests.e2e.cli.commands import postkeep
from tests.e2e.clients import Person, a_text, connect, problem_of
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer
from tests.e2e.test_processes import eventually, workers_of
from tests.e2e.web.visitors import Visitor
from tests.faults.disks import small_disk

ROOT = Path(__file__).parents[2]
TOKEN = "for-Prometheus-alone"


class Watched(PostkeepServer):
    """A server that is watched, of two workers, which writes errors only into its log."""

    def scrape(self, **labels: str) -> dict[str, float]:
        """Return the sum of each metric's samples with these labels, by name, as its own port answers them."""
        return _sums(httpx2.get(f"http://127.0.0.1:{self.settings['POSTKEEP_METRICS_PORT']}/", trust_env=False), labels)

    def scrape_with_token(self, token: str = TOKEN) -> httpx2.Response:
        """Ask the server itself."""
        return self.http.get("/metrics", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Serve with metrics."""
    settings = {
        **settings_for(),
        "POSTKEEP_METRICS_TOKEN": TOKEN,
        "POSTKEEP_METRICS_PORT": str(free_port()),
        "POSTKEEP_LOG_LEVEL": "error",
    }
    with Watched(tmp_path_factory.mktemp("watched"), settings, ("--workers", "2")).running() as server:
        yield server


def test_op_07_the_metrics_want_their_token(watched: Watched) -> None:
    """They say how much is going on, which is nobody's business."""
    assert watched.scrape_with_token().headers["content-type"].startswith("text/plain; version=0.0.4")
    for refused in (watched.http.get("/metrics"), watched.scrape_with_token(TOKEN[:-1])):
        assert problem_of(refused) == (401, "metrics_token_invalid")
        assert "POSTKEEP_METRICS_TOKEN" in refused.json()["detail"]


def test_az_11_there_are_no_metrics_unless_somebody_wants_them(sqlite_server: PostkeepServer) -> None:
    """What is not there tells nothing."""
    assert problem_of(sqlite_server.http.get("/metrics")) == (404, "not_found")


def test_every_request_is_counted_once_whichever_process_served_it(watched: Watched) -> None:
    """Two workers are one server; whoever asks one of them learns about both."""
    person = Person.signs_up(watched.http)
    before, adds_before = watched.scrape(), watched.scrape(route="/api/v1/posts", method="POST", status="201")
    for _ in range(20):
        with connect(watched.url) as fresh:
            mine = person.at(fresh)
            mine.add(a_text())
            assert len(mine.posts()) > 0
            assert len(mine.posts()) > 0
    adds = watched.scrape(route="/api/v1/posts", method="POST", status="201")
    name = "postkeep_http_requests_total"
    assert adds[name] - adds_before.get(name, 0) == 20

    def lists_counted() -> float:
        now = watched.scrape()
        names = ("postkeep_cache_hits_total", "postkeep_cache_misses_total", "postkeep_cache_collapsed_total")
        return sum(now[each] - before[each] for each in names)

    assert eventually(lambda: lists_counted() == 40)
    assert watched.scrape()["postkeep_cache_hits_total"] > before["postkeep_cache_hits_total"]
    timed = watched.scrape(route="/api/v1/posts", method="POST")
    assert timed["postkeep_http_request_duration_seconds_count"] >= 20


def test_who_is_refused_is_counted_though_the_log_does_not_say_it(watched: Watched) -> None:
    """An alarm must not depend on how much is written."""
    person = Person.signs_up(watched.http)
    before = watched.scrape(event="login_failed").get("postkeep_events_total", 0)
    watched.http.post("/login", json={"email": person.email, "password": "not mine at all"})
    assert watched.scrape(event="login_failed", level="warning")["postkeep_events_total"] == before + 1
    assert watched.events("login_failed") == []


def test_what_a_worker_counted_outlives_it(watched: Watched) -> None:
    """A counter that falls would look like a restart of everything; a gauge of the dead would never fall."""
    person = Person.signs_up(watched.http)
    person.add(a_text())
    assert eventually(lambda: watched.scrape()["postkeep_processes"] == 2)
    before = watched.scrape(method="POST")["postkeep_http_requests_total"]
    victim = workers_of(watched)[0]
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: len(workers_of(watched)) == 2 and victim not in workers_of(watched))
    assert eventually(lambda: watched.scrape()["postkeep_processes"] == 2)
    assert watched.scrape(method="POST")["postkeep_http_requests_total"] == before


def test_a_server_that_cannot_serve_is_seen_before_anybody_comes(tmp_path: Path, mariadb: MariaDbServer) -> None:
    """At night nobody calls; the database may have gone all the same, or be migrated away."""
    with mariadb.database() as url:
        settings = {
            **settings_for(url.render_as_string(hide_password=False)),
            "POSTKEEP_METRICS_PORT": str(free_port()),
        }
        server = Watched(tmp_path, settings)
        assert postkeep("migrate", "upgrade", settings=settings, folder=tmp_path).code == 0
        with server.running():
            assert eventually(lambda: server.scrape()["postkeep_ready"] == 1)
            assert server.scrape()["postkeep_disk_free_bytes"] > 0
            assert postkeep("migrate", "downgrade", "base", settings=settings, folder=tmp_path).code == 0
            assert eventually(lambda: server.scrape()["postkeep_ready"] == 0)
            assert server.scrape(event="schema_unfit")["postkeep_events_total"] >= 1
    assert "migrate upgrade" in server.events("schema_unfit")[0]["reason"]


@pytest.mark.parametrize(("url", "has_room"), [(None, True), ("sqlite:////proc/absent/posts.db", False)])
async def test_the_room_is_that_of_the_disk_that_fills_up(tmp_path: Path, url: str | None, *, has_room: bool) -> None:
    """An alarm about another disk would be silent until posts are refused. On /proc there never is any room."""
    settings = Settings(database_url=SecretStr(url) if url else None, data_dir=tmp_path / "absent", metrics_port=1)
    metrics = metrics_of(settings)
    assert metrics is not None
    told = (await metrics.render()).decode()
    assert (float(re.findall(r"^postkeep_disk_free_bytes (\S+)", told, re.MULTILINE)[0]) > 0) is has_room


async def test_a_database_that_is_slow_is_seen_before_anybody_comes() -> None:
    """Nothing fails, so nothing else says so until somebody complains."""
    prometheus = PrometheusMetrics("0")
    metrics = Metrics(prometheus, ROOT)
    looked = asyncio.Event()

    async def check() -> None:
        await asyncio.sleep(0.06)
        looked.set()

    looking = asyncio.create_task(metrics.look_whether_ready(check))
    await looked.wait()
    await asyncio.sleep(0)
    told = (await metrics.render()).decode()
    looking.cancel()
    assert float(re.findall(r"^postkeep_database_look_seconds (\S+)", told, re.MULTILINE)[0]) > 0.05


def test_a_process_that_hangs_is_seen(watched: Watched) -> None:
    """Whoever shows the numbers does not hang, and all but one stand still: they would be taken for good ones."""

    def silent() -> float:
        return time.time() - watched.scrape()["postkeep_looked_timestamp_seconds"]

    # Another test may have ended one, whose successor has told nothing yet.
    assert eventually(lambda: watched.scrape()["postkeep_processes"] == 2)
    victim = workers_of(watched)[0]
    os.kill(victim, signal.SIGSTOP)
    try:
        assert eventually(lambda: silent() > 2.5)
        assert watched.scrape()["postkeep_processes"] == 2
    finally:
        os.kill(victim, signal.SIGCONT)
    assert eventually(lambda: silent() < 2.5)


def test_op_07_no_label_says_who(watched: Watched) -> None:
    """One series for each person would be a list of them, and would fill Prometheus."""
    person = Person.signs_up(watched.http)
    post_id = person.add(a_text())
    watched.http.get(f"/api/v1/posts/{post_id}", headers=person.authorization)
    watched.http.request("BREW", "/pot", headers=person.authorization)
    watched.http.get("/nowhere/at/all")
    watched.http.get("/log-in")
    told = watched.scrape_with_token().text
    for secret in (person.email, post_id, "/nowhere", "BREW", "127.0.0.1"):
        assert secret not in told
    assert re.search(
        r'postkeep_http_requests_total\{method="GET",route="/api/v1/posts/\{postID\}",status="200"\}', told
    )
    assert 'route="none"' in told
    assert 'route="/log-in"' in told
    assert 'method="other"' in told


def test_every_metric_is_described_and_the_dashboard_shows_none_that_is_not_there(watched: Watched) -> None:
    """Whoever was woken reads docs/metrics.md, and every panel has something to show."""
    told = watched.scrape_with_token().text
    names = set(re.findall(r"^(postkeep_\w+?)(?:_bucket|_sum|_count)?[{ ]", told, re.MULTILINE))
    described = set(re.findall(r"^\| `(postkeep_\w+)` \|", (ROOT / "docs/metrics.md").read_text("utf-8"), re.MULTILINE))
    assert {name for name in names if not name.endswith("_created")} == described
    dashboard = (ROOT / "deploy/grafana-dashboard.json").read_text("utf-8")
    assert _named_in(dashboard) <= described
    assert len(json.loads(dashboard)["panels"]) > 10


def test_op_07_the_port_answers_whatever_is_asked_and_says_nothing_of_itself(watched: Watched) -> None:
    """Names may be asked for; a trace on standard error would be no line of the log."""
    port = watched.settings["POSTKEEP_METRICS_PORT"]
    answer = httpx2.get(f"http://127.0.0.1:{port}/?name[]=postkeep_processes", trust_env=False)
    assert answer.status_code == 200
    assert "# TYPE postkeep_processes gauge" in answer.text
    assert answer.headers["server"] == "Postkeep"
    assert "Traceback" not in watched.log


def test_op_07_whoever_says_nothing_at_the_port_is_hung_up_on(watched: Watched) -> None:
    """Each would hold a thread and a file of the server: many are refused at once, a few when their time is over."""
    port = int(watched.settings["POSTKEEP_METRICS_PORT"])
    before = watched.threads()
    with ExitStack() as held:
        crowd = [held.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in range(100)]
        assert watched.threads() - before <= 20
        assert [each.recv(1) for each in crowd] == [b""] * 100
    assert watched.scrape()["postkeep_processes"] > 0


def test_op_07_whoever_goes_on_saying_little_at_the_port_keeps_nobody_from_it(watched: Watched) -> None:
    """A byte now and then would hold each of the few threads for a day, and nobody would see what the server is at."""
    port = int(watched.settings["POSTKEEP_METRICS_PORT"])
    with ExitStack() as held:
        crowd = [held.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in range(16)]
        for each in crowd:
            each.sendall(b"GET / HTTP/1.1\r\nX-Little: ")
        assert watched.scrape()["postkeep_processes"] > 0
        assert crowd[0].recv(1) == b""


def test_no_alarm_waits_for_what_is_not_there(watched: Watched) -> None:
    """A rule that names a metric or an event wrongly never fires, and nobody finds out until the night it should."""
    rules = (ROOT / "deploy/prometheus-alerts.yaml").read_text("utf-8")
    told = text_string_to_metric_families(watched.scrape_with_token().text)
    samples = [sample for family in told for sample in family.samples]
    assert _named_in(rules) <= {re.sub(r"_bucket$", "", sample.name) for sample in samples}
    events = {name for names in re.findall(r'event=~?"([^"]+)"', rules) for name in names.split("|")}
    assert events <= {sample.labels["event"] for sample in samples if sample.name == "postkeep_events_total"}
    assert len(events) > 10
    labels = {name for sample in samples for name in sample.labels} | {"job", "instance"}
    used = set(re.findall(r"[{,](\w+)=", rules)) | {
        name.strip() for names in re.findall(r"by \(([^)]+)\)", rules) for name in names.split(",")
    }
    assert used <= labels


def test_what_each_process_says_once_need_not_last_to_be_an_alarm() -> None:
    """A rise that is over after one window never lasts as long as the window: the alarm would never come."""
    (rule,) = _rules("untrusted_proxy")
    assert "for:" not in rule


def test_log_ins_that_are_refused_together_are_counted_where_the_alarm_looks(tmp_path: Path) -> None:
    """Behind a proxy that nobody listed, one who tries passwords shuts out everybody: on the API and on the page."""
    settings = {**settings_for(), "POSTKEEP_METRICS_PORT": str(free_port()), "POSTKEEP_LOGIN_FAILURES_PER_NETWORK": "2"}
    with Watched(tmp_path, settings).running() as server:
        guess = {"email": "somebody@example.com", "password": "not theirs at all"}
        for path in ("/login", "/login", "/login", "/api/v1/login"):
            server.http.post(path, json=guess)
        Visitor.comes(server.url).submit("/log-in", **guess)
        (rule,) = _rules("PostkeepLoginsRefused")
        routes = re.findall(r'route=~"([^"]+)",status="429"', rule)[0].split("|")
        told = [server.scrape(method="POST", route=route, status="429") for route in routes]
    assert [each.get("postkeep_http_requests_total") for each in told] == [1] * 3


@pytest.mark.parametrize("kind", ["taken", "same"])
def test_a_port_that_cannot_be_had_stops_the_start_with_one_line(tmp_path: Path, kind: str) -> None:
    """Whoever starts it must not find out from an empty dashboard."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = PostkeepServer(tmp_path, settings_for())
        port = taken.getsockname()[1] if kind == "taken" else server.port
        server.settings["POSTKEEP_METRICS_PORT"] = str(port)
        with pytest.raises(RuntimeError):
            server.start()
    (line,) = server.log.splitlines()
    assert "POSTKEEP_METRICS_PORT" in line
    assert not server.data_folder.exists()


def test_db_16_a_full_disk_ends_no_server_that_counts(tmp_path: Path) -> None:
    """Though its database and its temporary folder are on it: reads go on, also of what has never been counted yet."""
    try:
        with small_disk(tmp_path, 8) as disk:
            folders = {"POSTKEEP_DATA_DIR": f"{disk}/data", "TMPDIR": str(disk)}
            settings = {**settings_for(), **folders, "POSTKEEP_METRICS_TOKEN": TOKEN}
            with PostkeepServer(tmp_path / "server", settings).running() as server:
                person = Person.signs_up(server.http)
                _fill(Path(f"{disk}/ballast"))
                paths = ("/api/v1/me", "/api/v1/posts", "/api/v1/sessions", "/nowhere", "/log-in", "/sign-up", "/docs")
                statuses = [person.gets(path).status_code for _ in range(2) for path in paths]
                assert statuses == [200, 200, 200, 404, 200, 200, 200] * 2
                assert person.adds({"text": "x" * 100_000}).status_code == 503
    except subprocess.CalledProcessError:
        pytest.skip("this process may not mount a file system")


def _fill(ballast: Path) -> None:
    """Write a file until there is no room for more."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def _rules(name: str) -> list[str]:
    """Return the rules in which a name stands."""
    rules = (ROOT / "deploy/prometheus-alerts.yaml").read_text("utf-8").split("- alert: ")
    return [rule for rule in rules if name in rule]


def _named_in(text: str) -> set[str]:
    """Return the metrics that a text names."""
    return {re.sub(r"_bucket$", "", name) for name in re.findall(r"\bpostkeep_\w+", text)}


def _sums(answer: httpx2.Response, labels: dict[str, str]) -> dict[str, float]:
    """Add up the samples that have these labels, by name."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if labels.items() <= sample.labels.items():
                sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums
