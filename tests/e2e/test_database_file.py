"""The embedded database's file under a running server: removed, replaced, or locked by somebody who stands still."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from postkeep.storage.embedded_file import FileLock
from tests.e2e.cli.commands import SECONDS, Outcome, refusal
from tests.e2e.clients import Person, a_text, connect
from tests.e2e.servers import PROGRAM, PostkeepServer, environment


def test_what_is_acknowledged_is_in_the_file_that_is_there(tmp_path: Path) -> None:
    """With a copy put in its place every process says that it keeps nothing more, and what to do."""
    server = PostkeepServer(tmp_path, {}, options=("--workers", "2"))
    with server.running():
        person = Person.signs_up(server.http)
        person.add(a_text())
        path = server.data_folder / "postkeep.db"
        shutil.copy(path, tmp_path / "copy")
        (tmp_path / "copy").rename(path)
        for _ in range(6):
            # A connection of its own each time: whichever worker takes it.
            with connect(server.url, connections=1) as http:
                assert person.at(http).adds({"text": "lost"}).status_code == 503
                assert http.get("/readyz").status_code == 503
        assert Person(server.http).signup().status_code == 503
        (*_, said) = server.events("storage_failed")
        assert "put there with no -wal and -shm beside it" in said["reason"]


def test_sigterm_ends_a_server_whose_turn_to_write_never_comes(tmp_path: Path) -> None:
    """Another process stopped in the middle of a write: whoever waits is answered, and the end comes all the same."""
    server = PostkeepServer(tmp_path, {})
    with server.running():
        person = Person.signs_up(server.http)
        lock = FileLock(server.data_folder / "postkeep.db")
        with lock.held():
            assert person.adds({"text": "x"}).status_code == 503
            # Waits for the server's end, and fails if it does not come.
            assert server.stop() in {0, -signal.SIGTERM}
        lock.close()


@pytest.mark.parametrize(
    "arguments", [("account", "create", "--password-stdin", "ann@example.com"), ("restore", "backup")], ids=" ".join
)
def test_one_ctrl_c_ends_a_command_whose_turn_never_comes(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """In one line, with the exit code of shells."""
    settings = environment({})

    def begun(*arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=tmp_path,
            env=settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    for made in (("migrate", "upgrade"), ("backup", "backup")):
        process = begun(*made)
        process.communicate(timeout=SECONDS)
        assert process.returncode == 0
    lock = FileLock(tmp_path / "postkeep-data" / "postkeep.db")
    with lock.held():
        process = begun(*arguments)
        assert process.stdin is not None
        process.stdin.write(b"five purple ducks\n")
        process.stdin.close()
        process.stdin = None
        await_connected(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    lock.close()
    outcome = Outcome(process.returncode, out.decode(), err.decode())
    assert (outcome.code, "Interrupted" in refusal(outcome)) == (130, True)


def await_connected(process: subprocess.Popen[bytes]) -> None:
    """Wait until a command has the lock's file open, for which it waits then."""
    deadline = time.monotonic() + SECONDS
    files = Path(f"/proc/{process.pid}/fd")
    while not any(name.endswith(".db.lock") for name in map(readlink, files.iterdir())):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def readlink(path: Path) -> str:
    """Return where a link leads, or nothing where it is gone."""
    try:
        return str(path.readlink())
    except OSError:
        return ""
