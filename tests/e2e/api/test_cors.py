"""Pages of other origins, by what goes over the wire (CASES.md, BR-14); tests/e2e/web/test_cors.py has a browser."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.e2e.clients import Person, problem_of
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer

APP = "https://app.example.com"
ALLOW = "access-control-allow-origin"
EVIL = ["https://evil.example", "null", "*", "http://app.example.com", f"{APP}:444", f"{APP}.evil.example"]


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve pages of one other origin, too, with a limit of 30 requests at once for each account."""
    settings = {**settings_for(), "POSTKEEP_CORS_ORIGINS": f"{APP} http://localhost:5173", "POSTKEEP_ACCOUNT_RATE": "3"}
    with PostkeepServer(tmp_path_factory.mktemp("open"), settings).running() as server:
        yield server


def preflight(server: PostkeepServer, origin: str) -> httpx2.Response:
    """Ask whether a page may send what only a script can."""
    asked = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}
    return server.http.options("/api/v1/posts", headers={"Origin": origin, **asked})


def allowing(answer: httpx2.Response) -> dict[str, str]:
    """Return the headers that a browser goes by."""
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def test_br_14_a_page_of_ours_may_send_what_the_api_takes(open_server: PostkeepServer) -> None:
    """Answered at the door, with the headers of every answer."""
    answer = preflight(open_server, APP)
    assert (answer.status_code, answer.content, answer.headers[ALLOW]) == (204, b"", APP)
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("origin", EVIL)
def test_br_14_a_stranger_s_page_may_not(open_server: PostkeepServer, origin: str) -> None:
    """Its preflight is an OPTIONS like any other, its requests are answered, and no browser shows it the answers."""
    refused = preflight(open_server, origin)
    assert problem_of(refused) == (405, "method_not_allowed")
    got = open_server.http.get("/livez", headers={"Origin": origin})
    assert got.status_code == 200
    for answer in (refused, got):
        assert allowing(answer) == {}
        assert "origin" in answer.headers["vary"].lower()


def test_br_14_without_the_setting_there_is_nothing(sqlite_server: PostkeepServer) -> None:
    """It is off until somebody lists an origin."""
    assert problem_of(preflight(sqlite_server, APP)) == (405, "method_not_allowed")
    answer = sqlite_server.http.get("/livez", headers={"Origin": APP})
    assert (allowing(answer), "vary" in answer.headers) == ({}, False)


def test_br_14_every_answer_says_so_and_refusals_too(open_server: PostkeepServer) -> None:
    """Lists from memory and from the database, 304, and refusals of each layer; or pages would see no reason."""
    person = Person.signs_up(open_server.http)
    person.add("a")
    ours = {**person.authorization, "Origin": APP}
    json = {**ours, "Content-Type": "application/json"}
    get, post = open_server.http.get, open_server.http.post
    lists = [get("/getPosts", headers=ours) for _ in range(2)]
    answers = [
        *lists,
        get("/getPosts", headers={**ours, "If-None-Match": lists[0].headers["etag"]}),
        get("/getPosts", headers={"Origin": APP}),
        get("/nothing", headers=ours),
        get("/addPost", headers=ours),
        post("/addPost", headers=json, content=b"{}"),
        post("/addPost", headers=json, content=b"{" * 2_000_000),
        get("/livez", headers={**ours, "Host": "evil.example"}),
        *(get("/api/v1/me", headers=ours) for _ in range(60)),
    ]
    assert {answer.status_code for answer in answers} == {200, 304, 400, 401, 404, 405, 413, 422, 429}
    assert lists[1].headers["cache-status"] == "postkeep; hit"
    for answer in answers:
        assert answer.headers.get_list(ALLOW) == [APP]
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
        assert "origin" in answer.headers["vary"].lower()


def test_br_14_a_list_that_was_remembered_for_one_is_not_another_s(open_server: PostkeepServer) -> None:
    """What one origin is told is not kept with the list."""
    person = Person.signs_up(open_server.http)
    told = [
        open_server.http.get("/getPosts", headers={**person.authorization, **origin}).headers.get(ALLOW)
        for origin in ({"Origin": APP}, {"Origin": "http://localhost:5173"}, {"Origin": "https://evil.example"}, {})
    ]
    assert told == [APP, "http://localhost:5173", None, None]
