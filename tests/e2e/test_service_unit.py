"""deploy/postkeep.service: what it forbids, Postkeep does without (CASES.md, OP-12)."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.clients import Person
from tests.e2e.servers import PROGRAM, PostkeepServer

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/postkeep.service"


@pytest.mark.parametrize("workers", [1, 2])
def test_op_12_it_serves_with_the_system_calls_of_its_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """A call that is missing shows where it is made, which may be long behind the start: the first login, say."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not there: apt-get install systemd")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    confined = (sys.executable, "-m", "tests.e2e.sandbox", str(UNIT), str(PROGRAM), "serve", "--workers", str(workers))
    with PostkeepServer(tmp_path, {}, command=confined).running() as server:
        person = Person.signs_up(server.http)
        person.keep(person.login())
        post_id = person.add("Bought milk.")
        assert person.texts() == ["Bought milk."]
        assert person.delete(post_id).status_code == 204
    assert [line for line in server.log.splitlines() if "Traceback" in line or '"level": "warning"' in line] == []
