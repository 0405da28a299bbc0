"""Standard streams that are full, closed or pipes: one line, never a trace; and nothing vanishes in silence."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.databases import START_SECONDS, free_port
from tests.e2e.cli.commands import SECONDS, Outcome, beside, postkeep, refusal
from tests.e2e.clients import Person
from tests.e2e.servers import PROGRAM, PostkeepServer, environment


def in_shell(folder: Path, command: str) -> Outcome:
    """Run what stands behind `postkeep` in a shell."""
    done = subprocess.run(
        ["sh", "-c", f"'{PROGRAM}' {command}"],
        cwd=folder,
        env=environment({}),
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        # Without the terminal of whoever tests, which would be asked for a password.
        start_new_session=True,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("--version >/dev/full", "No space left"),
        ("openapi >/dev/full", "No space left"),
        ("openapi >&-", "Bad file descriptor"),
        ("restore --check - <&-", "cannot be read"),
        ("account create ann@example.com --password-stdin <&-", "Bad file descriptor"),
        ("account create ann@example.com </dev/null", "send the password with --password-stdin"),
        ("openapi --write .", "Is a directory"),
        ("openapi --write absent/file", "absent/file: No such file"),
        (f"openapi --check {'x' * 300}", "too long"),
        ("serve --host " + "\u00fc" * 64 + ".example", "name of a host"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line(tmp_path: Path, command: str, says: str) -> None:
    """As of everything else that is refused."""
    outcome = in_shell(tmp_path, command)
    assert (outcome.code in {1, 3}, says in refusal(outcome)) == (True, True), outcome


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("account create ann@example.com --password-stdin <bytes", "not UTF-8"),
        ("account delete ann@example.com <bytes >answer", "not UTF-8"),
        ("openapi --check bytes", "bytes is not in step"),
    ],
)
def test_bytes_that_are_no_text_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, says: str
) -> None:
    """With a locale such as en_US.UTF-8; in C, Python lets them pass."""
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe five purple ducks\n")
    outcome = in_shell(tmp_path, command)
    assert (outcome.code, says in refusal(outcome)) == (1, True), outcome


def test_a_letter_that_a_locale_lacks_is_written_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that ends in the middle of a trace would show nobody behind the first such address."""
    assert in_shell(tmp_path, "migrate upgrade").code == 0
    created = in_shell(tmp_path, "account create ann@\u0436\u0436.example --password-stdin <<e\nfive purple ducks\ne")
    assert created.code == 0, created
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1:strict")
    listed = in_shell(tmp_path, "account list")
    assert (listed.code, listed.out.split()[-1]) == (0, r"ann@\u0436\u0436.example")


@pytest.mark.parametrize("command", ["history", "current"])
def test_what_alembic_says_and_nobody_can_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Alembic passes over what it cannot write; unbuffered, as in the image, nobody else would hear of it."""
    assert in_shell(tmp_path, "migrate upgrade").code == 0
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    outcome = in_shell(tmp_path, f"migrate {command} >/dev/full")
    assert (outcome.code, "No space left" in refusal(outcome)) == (1, True), outcome


def test_a_command_without_any_streams_ends_as_it_should(tmp_path: Path) -> None:
    """The database's file must not become standard output."""
    assert in_shell(tmp_path, "migrate upgrade <&- >&- 2>&-").code in {0, 1}
    assert in_shell(tmp_path, "backup - <&- >&- 2>&-").code == 1
    outcome = in_shell(tmp_path, "backup backup <&- >&- 2>&-")
    assert (outcome.code, (tmp_path / "backup").is_file()) == (0, True)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("streams", ["2>/dev/full", "<&- >&- 2>&-"])
def test_a_server_starts_and_ends_with_nowhere_to_write(tmp_path: Path, workers: int, streams: str) -> None:
    """A disk that is full of logs keeps nobody from restarting; a supervisor may close everything."""
    settings = {"POSTKEEP_PORT": str(free_port()), "POSTKEEP_WORKERS": str(workers), "POSTKEEP_DRAIN_SECONDS": "0"}
    command = ["sh", "-c", f"exec '{PROGRAM}' serve {streams}"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(settings)) as server:
        try:
            deadline = time.monotonic() + START_SECONDS
            while postkeep("healthcheck", settings=settings, folder=tmp_path).code != 0:
                assert (server.poll(), time.monotonic() < deadline) == (None, True)
            server.terminate()
            server.wait(SECONDS)
        finally:
            server.kill()


def test_posts_come_in_through_a_pipe(sqlite_server: PostkeepServer) -> None:
    """As `zcat posts.jsonl.gz | postkeep posts import ... /dev/stdin` has them."""
    person = Person.signs_up(sqlite_server.http)
    command = ("posts", "import", "--email", person.email, "/dev/stdin")
    outcome = beside(sqlite_server, *command, stdin=b'{"text": "from a pipe"}\n')
    assert (outcome.code, outcome.out.startswith("Added 1,")) == (0, True), outcome
    assert [post["text"] for post in person.posts()] == ["from a pipe"]
