"""Requests made from the API's own description, on each database (CASES.md: AZ-01, AZ-12)."""

import collections
import json
import os
import subprocess
import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import Person, secrets_in
from tests.e2e.probes.hooks import PASSWORD, RECORD
from tests.e2e.servers import PostkeepServer
from tests.e2e.test_hammer import serving

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PROGRAM = Path(sys.executable).with_name("schemathesis")

LOGGED_IN = f"""
[auth.wfc]
path = "{HERE / "accounts.json"}"
peers = ["ann", "bob"]
"""

SIZE = """
[generation]
database = "none"
max-examples = {examples}

[phases.stateful.generation]
max-examples = {chains}
mode = "positive"
"""

SEED = 5
EXAMPLES = 3
"""How many for each operation by chance; what the description itself suggests comes first, about 25 for each."""

CHAINS = 100
"""How many times requests are made of the answers before them."""


@dataclass(frozen=True)
class Run:
    """What a run of Schemathesis came to.

    Attributes:
        code: Its exit code: 0 where no check failed.
        told: What it printed.
        record: What went by, one request each: see hooks.py.
    """

    code: int
    told: str
    record: list[dict[str, Any]]

    def answers(self, *phases: str) -> collections.Counter[tuple[str, int]]:
        """Count what was answered, by operation and status; in these phases, or in all."""
        seen = [line for line in self.record if not phases or line["phase"] in phases]
        return collections.Counter((line["operation"], line["status"]) for line in seen)

    def successes(self) -> set[str]:
        """Return the operations that succeeded at least once."""
        return {operation for operation, status in self.answers() if 200 <= status < 300}

    def secrets(self) -> Collection[str]:
        """Return the passwords, tokens and texts that were sent; short ones are words that stand anywhere."""
        return {secret for line in self.record for secret in line["secrets"] if len(set(secret)) > 11}


def run_schemathesis(server: PostkeepServer, folder: Path, *, times: int, auth: str = "") -> Run:
    """Run it against a server, with every check and in all phases."""
    config, record = folder / "schemathesis.toml", folder / "record"
    size = SIZE.format(examples=EXAMPLES * times, chains=CHAINS * times)
    config.write_text((HERE / "schemathesis.toml").read_text("utf-8") + size + auth, "utf-8")
    record.touch()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "*", RECORD: str(record)}
    options = ("--checks=all", f"--seed={SEED}")
    ended = subprocess.run(
        [PROGRAM, "--config-file", config, "run", f"{server.url}/openapi.json", "--no-color", *options],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
    )
    lines = [json.loads(line) for line in record.read_text("utf-8").splitlines()]
    return Run(ended.returncode, ended.stdout + ended.stderr, lines)


def operations(server: PostkeepServer) -> tuple[set[str], set[str]]:
    """Return the operations' ids: all of them, and those that ask who calls."""
    paths = server.http.get("/openapi.json").json()["paths"]
    found = [operation for path in paths.values() for operation in path.values()]
    return {each["operationId"] for each in found}, {each["operationId"] for each in found if "security" in each}


def try_everything(server: PostkeepServer, folder: Path, *, times: int = 1) -> Run:
    """Ask everything as two people; see that no check fails, and that there was something to check."""
    for name in ("ann", "bob"):
        Person.signs_up(server.http, email=f"{name}@example.com", password=PASSWORD)
    every, _ = operations(server)
    run = run_schemathesis(server, folder, times=times, auth=LOGGED_IN)
    assert run.code == 0, run.told
    assert run.successes() == every
    in_a_row = run.answers("stateful")
    assert {("addPost", 201), ("getPost", 200), ("editPost", 200), ("deletePost", 204)} <= in_a_row.keys(), in_a_row
    return run


def try_as_nobody(server: PostkeepServer, folder: Path, *, times: int = 1) -> Run:
    """Ask everything without a token; see that no check fails, and that who must be known got nothing else than 401."""
    every, asks_who = operations(server)
    run = run_schemathesis(server, folder, times=times)
    assert run.code == 0, run.told
    assert {name for name, status in run.answers() if status == 401} >= asks_who
    assert run.successes() == every - asks_who
    return run


@contextmanager
def probed(request: pytest.FixtureRequest, database: str, folder: Path) -> Generator[PostkeepServer]:
    """Serve, and see in the end that nothing failed inside and nothing secret stands in the log."""
    mariadb = request.getfixturevalue("mariadb") if database == "mariadb" else None
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    with serving(folder, 1, mariadb) as server:
        yield server
        assert server.events("failed") == []
        assert server.events("storage_failed") == server.events("storage_busy") == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_az_12_the_server_does_what_its_description_says(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    """Whatever fits the description is taken, whatever does not is refused, and nobody gets what is another one's."""
    with probed(request, database, tmp_path) as server:
        run = try_everything(server, tmp_path / "in")
        assert secrets_in(server.log, {PASSWORD, *run.secrets()}) == []


@pytest.mark.timeout(600)
def test_az_12_nobody_gets_in_without_a_token(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Who does not log in gets what the description says is open to all, and 401 otherwise."""
    with probed(request, "sqlite", tmp_path) as server:
        Person.signs_up(server.http, email="ann@example.com", password=PASSWORD)
        run = try_as_nobody(server, tmp_path / "out")
        assert secrets_in(server.log, {PASSWORD, *run.secrets()}) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_az_12_the_server_does_what_its_description_says_for_long(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    """The same with a hundred times as many examples."""
    with probed(request, database, tmp_path) as server:
        runs = try_everything(server, tmp_path / "in", times=100), try_as_nobody(server, tmp_path / "out", times=100)
        assert secrets_in(server.log, {PASSWORD, *runs[0].secrets(), *runs[1].secrets()}) == []
