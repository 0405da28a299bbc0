"""`postkeep backup` and `postkeep restore`, also while servers run (CASES.md, DB-27)."""

import gzip
import itertools
import os
import secrets
import signal
import sqlite3
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.databases import MariaDbServer
from tests.e2e.cli.commands import SECONDS, Outcome, beside, postkeep, refusal
from tests.e2e.clients import Person, a_text, problem_of
from tests.e2e.conftest import on_server, settings_for
from tests.e2e.crowds import at_once
from tests.e2e.servers import PROGRAM, PostkeepServer, environment
from tests.integration.storage.opened import make_file

SECRET_IS_ELSEWHERE = "The secret that tokens are signed with is not in it: keep that, too."


@pytest.fixture(params=["sqlite", "mariadb"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PostkeepServer]:
    """Return a running server on a database of its own, of each kind in turn."""
    if request.param == "mariadb":
        (tmp_path / "fresh").mkdir()
        mariadb: MariaDbServer = request.getfixturevalue("mariadb")
        yield from on_server(mariadb, tmp_path / "fresh")
    else:
        with PostkeepServer(tmp_path / "fresh", settings_for()).running() as server:
            yield server


@pytest.fixture(scope="module")
def a_backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the backup of an account with three posts."""
    with PostkeepServer(tmp_path_factory.mktemp("backup"), settings_for()).running() as server:
        person = Person.signs_up(server.http)
        for _ in range(3):
            person.add(a_text())
        return backed_up(server)


def backed_up(server: PostkeepServer) -> Path:
    """Back a server's database up while it runs."""
    path = server.folder / f"backup-{secrets.token_hex(4)}"
    outcome = beside(server, "backup", str(path))
    assert (outcome.code, outcome.out, outcome.err.splitlines()[1:]) == (0, "", [SECRET_IS_ELSEWHERE]), outcome.err
    assert outcome.err.startswith("The backup holds ")
    return path


def restored(server: PostkeepServer, path: Path, *options: str) -> Outcome:
    """Restore a backup into a server's database."""
    outcome = beside(server, "restore", str(path), *options)
    assert (outcome.code, outcome.err) == (0, ""), outcome.err
    return outcome


def elsewhere(server: PostkeepServer, folder: Path) -> PostkeepServer:
    """Return a server with the same secret whose database is not there yet."""
    folder.mkdir()
    return PostkeepServer(folder, {"POSTKEEP_SECRET_KEY": server.settings["POSTKEEP_SECRET_KEY"]})


def lose_everything(server: PostkeepServer) -> None:
    """Empty a server's database from behind."""
    for table in ("posts", "sessions", "accounts"):
        server.rows.change(f"DELETE FROM {table}")  # noqa: S608 - names of ours


def lines_of(path: Path) -> list[bytes]:
    """Return a backup's lines."""
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


@dataclass
class Writer:
    """Somebody who adds posts and deletes every third, and knows what was acknowledged when."""

    person: Person
    kept: set[str] = field(default_factory=set[str])
    gone: set[str] = field(default_factory=set[str])
    asked: set[str] = field(default_factory=set[str])

    def write(self) -> None:
        """Add a post, or three less two."""
        text = a_text()
        self.asked.add(text)
        post_id = self.person.add(text)
        self.kept.add(text)
        if len(self.asked) % 3 == 0:
            self.kept.discard(text)
            assert self.person.delete(post_id).status_code == 204
            self.gone.add(text)


@contextmanager
def writing(writers: list[Writer]) -> Generator[None]:
    """Have all of them write until this is left."""
    is_over = threading.Event()

    def write(writer: Writer) -> None:
        while not is_over.is_set():
            writer.write()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_db_27_a_backup_under_load_is_of_a_state_that_existed(fresh: PostkeepServer, tmp_path: Path) -> None:
    """What was acknowledged before it began is in it, what was gone is not, and every account counts what it has."""
    writers = [Writer(Person.signs_up(fresh.http)) for _ in range(3)]
    for writer in writers * 4:
        writer.write()
    with writing(writers):
        before = [(set(writer.kept), set(writer.gone)) for writer in writers]
        path = backed_up(fresh)
        after = [set(writer.asked) for writer in writers]
    with (restored_to := elsewhere(fresh, tmp_path / "elsewhere")).running():
        pass
    restored(restored_to, path)
    counted = restored_to.rows.ask(
        "SELECT a.posts, a.bytes, COUNT(p.id) AS number, SUM(p.bytes) AS size"
        " FROM accounts a LEFT JOIN posts p ON p.account_id = a.id GROUP BY a.id"
    )
    assert [(row["posts"], row["bytes"]) for row in counted] == [(row["number"], row["size"]) for row in counted]
    with restored_to.running() as server:
        for writer, (kept, gone), asked in zip(writers, before, after, strict=True):
            # The same secret, so the tokens of that time count on.
            listed = {post["text"] for post in writer.person.at(server.http).posts()}
            assert kept - writer.gone <= listed <= asked - gone


def test_servers_remember_nothing_from_before_a_restoring(fresh: PostkeepServer) -> None:
    """With as many posts added since the backup as before, the number that lists live by would be the same again."""
    person = Person.signs_up(fresh.http)
    first = a_text()
    person.add(first)
    path = backed_up(fresh)
    person.add(a_text())
    assert len(person.posts()) == len(person.posts()) == 2
    lose_everything(fresh)
    restored(fresh, path)
    person.add(last := a_text())
    assert [post["text"] for post in person.posts()] == [last, first]


def test_sessions_go_on_unless_they_are_left_out(fresh: PostkeepServer) -> None:
    """Both tokens count as they did; or neither, and the password does."""
    person = Person.signs_up(fresh.http)
    post_id = person.add(a_text())
    path = backed_up(fresh)
    lose_everything(fresh)
    assert problem_of(person.me()) == (401, "token_invalid")
    restored(fresh, path)
    assert person.me().status_code == 200
    person.keep(person.renew())
    lose_everything(fresh)
    assert "0 sessions" in restored(fresh, path, "--without-sessions").out
    assert [problem_of(person.me()), problem_of(person.renew())] == [
        (401, "token_invalid"),
        (401, "refresh_token_invalid"),
    ]
    person.keep(person.login())
    assert [post["id"] for post in person.posts()] == [post_id]


def test_a_backup_goes_through_a_pipe(fresh: PostkeepServer, tmp_path: Path) -> None:
    """With standard output for nothing else; the same from a file and from a pipe."""
    person = Person.signs_up(fresh.http)
    person.add(a_text())
    path = backed_up(fresh)
    target = elsewhere(fresh, tmp_path / "elsewhere")
    to_target = f"POSTKEEP_DATABASE_URL='{target.database_url}'"
    command = f"'{PROGRAM}' backup - | {to_target} '{PROGRAM}' restore -"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=fresh.folder,
        env=environment(fresh.settings),
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.stdout == "The database holds 1 accounts, 1 sessions and 1 posts.\n"
    assert lines_of(backed_up(target))[1:-1] == lines_of(path)[1:-1]


def test_op_13_only_the_owner_reads_a_backup(a_backup: Path) -> None:
    """It holds everybody's posts and what their passwords are verified with."""
    assert stat.S_IMODE(a_backup.stat().st_mode) == 0o600


def test_op_02_no_secret_is_in_a_backup(fresh: PostkeepServer) -> None:
    """Neither the one that tokens are signed with nor a password nor a token; what they are verified with is."""
    person = Person.signs_up(fresh.http)
    person.add(text := a_text())
    content = b"".join(lines_of(backed_up(fresh)))
    secrets = [fresh.secret, *(each.encode() for each in (person.password, person.access, person.refresh))]
    assert [secret in content for secret in secrets] == [False] * 4
    assert text.encode() in content
    assert b"$argon2id$" in content


def test_a_check_needs_no_database(a_backup: Path, tmp_path: Path) -> None:
    """Whether last night's file is good can be asked anywhere."""
    outcome = postkeep("restore", "--check", str(a_backup), settings={}, folder=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "The backup is whole and unchanged. It holds 1 accounts, 1 sessions and 3 posts.\n"
    assert list(tmp_path.iterdir()) == []


def damaged(path: Path) -> dict[str, tuple[bytes, str]]:
    """Return files that are no backups, each with a word of why."""
    packed, lines = path.read_bytes(), lines_of(path)
    newer = lines[0].replace(b'"format":1', b'"format":2')
    return {
        "cut off": (packed[: len(packed) // 2], "damaged"),
        "altered": (packed[:-30] + b"\x00" + packed[-29:], "damaged"),
        "a letter": (gzip.compress(b"".join(lines).replace(b'"published"', b'"draft"', 1)), "checksum"),
        "a post less": (gzip.compress(b"".join([*lines[:2], *lines[3:]])), "checksum"),
        "newer": (gzip.compress(b"".join([newer, *lines[1:]])), "newer release"),
        "unpacked": (b"".join(lines), "damaged"),
        "empty": (b"", "not a backup"),
        "a bomb": (gzip.compress(bytes(100_000_000)), "not a backup"),
    }


def test_what_is_no_whole_backup_is_refused_before_anything_is_made(a_backup: Path, tmp_path: Path) -> None:
    """One line; and there is not even an empty database. From a pipe, there is one, without anybody in it."""
    for name, (content, says) in damaged(a_backup).items():
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        (folder / "file").write_bytes(content)
        outcome = postkeep("restore", "file", settings={}, folder=folder)
        assert (outcome.code, says in refusal(outcome)) == (1, True), (name, outcome)
        assert [path.name for path in folder.iterdir()] == ["file"]
    folder = tmp_path / "pipe"
    folder.mkdir()
    outcome = postkeep("restore", "-", settings={}, folder=folder, stdin=damaged(a_backup)["a letter"][0])
    assert (outcome.code, "checksum" in refusal(outcome)) == (1, True)
    assert PostkeepServer(folder, {}).rows.ask("SELECT id FROM posts UNION SELECT id FROM accounts") == []


def test_a_database_with_accounts_is_not_restored_into(fresh: PostkeepServer, a_backup: Path) -> None:
    """It stays as it is."""
    person = Person.signs_up(fresh.http)
    outcome = beside(fresh, "restore", str(a_backup))
    assert (outcome.code, "holds accounts" in refusal(outcome)) == (1, True)
    assert (person.posts(), len(fresh.rows.ask("SELECT id FROM accounts"))) == ([], 1)


def test_a_server_s_database_needs_its_schema(mariadb: MariaDbServer, a_backup: Path, tmp_path: Path) -> None:
    """The account that Postkeep uses may not make tables; who may is told what to run."""
    with mariadb.database() as url:
        settings = {"POSTKEEP_DATABASE_URL": url.render_as_string(hide_password=False)}
        for command in ("restore", "backup"):
            outcome = postkeep(command, str(a_backup), settings=settings, folder=tmp_path)
            assert (outcome.code, "postkeep migrate upgrade" in refusal(outcome)) == (3, True)


def test_what_cannot_be_backed_up_or_read_is_said(tmp_path: Path) -> None:
    """One line each, and no database is made on the way."""
    commands: list[tuple[tuple[str, ...], dict[str, str], int, str]] = [
        (("backup", "file"), {}, 3, "There is no database postkeep-data/postkeep.db: run this where the server runs"),
        (("backup", "file"), {"POSTKEEP_DATABASE_URL": "sqlite://"}, 3, "memory"),
        (("restore", "file"), {}, 1, "No such file"),
        (("restore", str(tmp_path)), {}, 1, "directory"),
    ]

    def run(number: int) -> Outcome:
        arguments, settings, _, _ = commands[number]
        return postkeep(*arguments, settings=settings, folder=tmp_path)

    for outcome, (_, _, code, says) in zip(at_once(len(commands), run), commands, strict=True):
        assert (outcome.code, says in refusal(outcome)) == (code, True), outcome
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("backup",), ("posts", "export", "--email")])
def test_no_file_takes_the_place_of_the_database(tmp_path: Path, command: tuple[str, ...]) -> None:
    """A slip of the hand would cost everybody's posts, and end with 0; nor may a secret be lost so."""
    with PostkeepServer(tmp_path, settings_for()).running() as server:
        person = Person.signs_up(server.http)
        person.add(text := a_text())
        given = (*command, person.email) if command[0] == "posts" else command
        beside_it = ("-wal", "-shm", "-journal", ".lock")
        for name in ("postkeep.db", *(f"postkeep.db{end}" for end in beside_it), "secret.key"):
            outcome = beside(server, *given, str(server.data_folder / name))
            assert (outcome.code, "name another one" in refusal(outcome)) == (1, True), outcome
        assert [post["text"] for post in person.posts()] == [text]


def with_megabytes(folder: Path, number: int) -> PostkeepServer:
    """Return a stopped server whose database holds so many posts of a megabyte."""
    with PostkeepServer(folder, settings_for()).running() as server:
        Person.signs_up(server.http)
        server.rows.change(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :number)"
            " INSERT INTO posts SELECT (SELECT id FROM accounts), randomblob(16), NULL, hex(randomblob(500000)),"
            " 'published', 1, 1000000, '2026-11-21 00:00:00.000000', '2026-11-21 00:00:00.000000' FROM n",
            number=number,
        )
        server.rows.change("UPDATE accounts SET posts = :number, bytes = :number * 1000000", number=number)
        return server


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> PostkeepServer:
    """Return a stopped server whose backup takes a while."""
    return with_megabytes(tmp_path_factory.mktemp("large"), 20)


def begun(server: PostkeepServer, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Begin a command."""
    return subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=server.folder,
        env=environment(server.settings),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[bytes]) -> Outcome:
    """Wait for a command's end."""
    out, err = process.communicate(timeout=SECONDS)
    return Outcome(process.returncode, out.decode(), err.decode())


def stop_when(process: subprocess.Popen[bytes], glob: Iterator[bool]) -> None:
    """Halt a process as soon as something is the case."""
    deadline = time.monotonic() + SECONDS
    while not next(glob):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGSTOP)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_backup_leaves_no_file(large: PostkeepServer, number: signal.Signals) -> None:
    """Half of one would be taken for a whole one some day."""
    path = large.folder / "interrupted"
    process = begun(large, "backup", str(path))
    stop_when(process, (bool([*large.folder.glob(".interrupted.*")]) for _ in itertools.count()))
    assert not path.exists()
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    outcome = ended(process)
    assert (outcome.code, "Interrupted" in refusal(outcome)) == (130, True)
    assert [*large.folder.glob("*interrupted*")] == []


def test_a_full_disk_leaves_no_file(large: PostkeepServer) -> None:
    """One line; what was there before is still there."""
    path = large.folder / "full"
    path.write_bytes(b"before")
    # In blocks of 512 or 1,024 bytes, whichever shell this is; the database's own files are there already.
    limited = ["sh", "-c", 'ulimit -f 2000; exec "$0" "$@"', str(PROGRAM), "backup", str(path)]
    done = subprocess.run(
        limited, cwd=large.folder, env=environment(large.settings), check=False, capture_output=True, timeout=SECONDS
    )
    outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert (outcome.code, "too large" in refusal(outcome)) == (1, True)
    assert ([*large.folder.glob(".full.*")], path.read_bytes()) == ([], b"before")
    outcome = beside(large, "backup", "/dev/full")
    assert (outcome.code, "No space left" in refusal(outcome)) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_restoring_lets_nobody_in(
    fresh: PostkeepServer, large: PostkeepServer, number: signal.Signals
) -> None:
    """It is taken back; or, if it had no time for that, by the next one."""
    path = backed_up(large)
    process = begun(fresh, "restore", "-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    content = path.read_bytes()
    # The account is in the last bytes; all but what a pipe takes has been read when this is written.
    process.stdin.write(content[:-1_000_000])
    process.stdin.flush()
    process.send_signal(number)
    process.stdin.close()
    process.stdin = None
    outcome = ended(process)
    assert (outcome.code, number is signal.SIGKILL or "postkeep: " in outcome.err) in {
        (1, True),
        (130, True),
        (-9, True),
    }
    assert fresh.rows.ask("SELECT id FROM accounts") == []
    if number is not signal.SIGKILL:
        assert fresh.rows.ask("SELECT id FROM posts UNION SELECT id FROM sessions") == []
    restored(fresh, path)
    assert fresh.rows.one("SELECT COUNT(*) AS n FROM posts")["n"] == 20


def peak_bytes(server: PostkeepServer, *arguments: str) -> int:
    """Run a command, and return the most memory it had."""
    process = begun(server, *arguments)
    with process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.stderr is not None
        assert process.returncode == 0, process.stderr.read()
    return used.ru_maxrss * 1024


@pytest.mark.long
@pytest.mark.timeout(600)
def test_memory_is_bounded_however_much_there_is(
    mariadb: MariaDbServer, large: PostkeepServer, a_backup: Path, tmp_path: Path
) -> None:
    """80 MB out, verified, in, out and in again, with 64 MiB more than next to nothing needs."""
    least = peak_bytes(large, "restore", "--check", str(a_backup))
    source = with_megabytes(tmp_path / "source", 80)
    target = elsewhere(source, tmp_path / "target")
    out, back = str(tmp_path / "out"), str(tmp_path / "back")
    (tmp_path / "server").mkdir()
    for server in on_server(mariadb, tmp_path / "server"):
        commands = [(source, "backup", out), (server, "restore", out), (server, "backup", back)]
        peaks = [peak_bytes(*command) for command in (*commands, (target, "restore", back))]
        assert [peak - least < 64 * 1024 * 1024 for peak in peaks] == [True] * 4
    assert lines_of(Path(out))[1:-1] == lines_of(Path(back))[1:-1]


def is_a_photo(path: Path) -> None:
    """Leave a file of another kind in the database's place."""
    path.write_bytes(b"\xff\xd8" * 9000)


def quotes_no_text(path: Path) -> None:
    """Leave a database of whose damage SQLite speaks in bytes that are no text."""
    make_file(path)
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE posts", b"CREATE T\xff\xfeLE posts"))


def has_a_broken_row(path: Path) -> None:
    """Leave a database with an account that no writer of ours has written."""
    make_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        values = "x'01', 'ann@example.com', x'02', 'hash', 'active', 1, 1, 0, 0, 'yesterday'"
        connection.execute(f"INSERT INTO accounts VALUES ({values})")  # noqa: S608 - as it stands


@pytest.mark.parametrize("spoilt", [is_a_photo, quotes_no_text, has_a_broken_row])
def test_what_cannot_be_read_is_not_backed_up(spoilt: Callable[[Path], None], tmp_path: Path) -> None:
    """Said in one line, when somebody saves what can be saved; and no half file is left that looks like a backup."""
    (data := tmp_path / "postkeep-data").mkdir(mode=0o700)
    spoilt(data / "postkeep.db")
    outcome = postkeep("backup", "saved", settings={}, folder=tmp_path)
    assert outcome.code in {1, 3}
    assert "database" in refusal(outcome)
    assert {path.name for path in tmp_path.iterdir()} == {"postkeep-data"}
