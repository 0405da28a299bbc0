"""Backups as files: whole or not there at all."""

import errno
import gzip
import os
import stat
import threading
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest

from postkeep.adapters.backup_files import BackupFile, BackupFileFailed, opened, refuse_to_replace, written
from postkeep.domain.posts import MAX_LINE_BYTES
from postkeep.services.backup_format import BackupDamaged

CONTENT = b"first\n" + b"second " * 50_000 + b"\nlast\n"


def write(path: Path, content: bytes = CONTENT) -> None:
    """Write a file, in pieces."""
    with written(path) as file:
        for begin in range(0, len(content), 10_000):
            file.write(content[begin : begin + 10_000])


def read(path: Path) -> bytes:
    """Read a file."""
    with opened(path) as file:
        return b"".join(file.lines())


def test_what_is_written_comes_back_line_by_line(tmp_path: Path) -> None:
    """Packed as gzip has it, so that any machine can look into it; and as often as it is asked."""
    path = tmp_path / "backup"
    write(path)
    assert gzip.decompress(path.read_bytes()) == CONTENT
    with opened(path) as file:
        assert file.is_repeatable
        assert list(file.lines()) == list(file.lines()) == CONTENT.splitlines(keepends=True)


def test_the_same_content_gives_the_same_file(tmp_path: Path) -> None:
    """No time and no name of its own."""
    for name in ("one", "other"):
        write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_op_13_only_the_owner_reads_a_backup(tmp_path: Path) -> None:
    """Whatever the process masks, and from its first byte on: it holds everybody's posts."""
    mask = os.umask(0)
    try:
        with written(tmp_path / "backup") as file:
            file.write(b"x")
            assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600]
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600


class Boom(Exception):
    """What ends a writing."""


def test_a_writing_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """Last night's backup is better than half of this night's."""

    def fail(path: Path) -> None:
        with written(path) as file:
            file.write(CONTENT)
            raise Boom

    for path in (tmp_path / "new", tmp_path / "old"):
        if path.name == "old":
            write(path, b"before\n")
        with pytest.raises(Boom):
            fail(path)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert read(tmp_path / "old") == b"before\n"


def test_a_whole_one_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    """At once, also behind a link, which stays one."""
    path, link = tmp_path / "old", tmp_path / "link"
    write(path, b"before\n")
    link.symlink_to(path)
    with written(link) as file:
        file.write(CONTENT)
        assert read(path) == b"before\n"
    assert (link.is_symlink(), read(path)) == (True, CONTENT)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """In one line; and a device is written to, never replaced by a file."""
    device = Path("/dev/full")
    link = tmp_path / "full"
    link.symlink_to(device)
    with pytest.raises(BackupFileFailed, match=os.strerror(errno.ENOSPC)):
        write(link, os.urandom(10_000))
    assert device.is_char_device()


@pytest.mark.parametrize("path", ["missing/backup", "folder", "file/backup"])
def test_what_cannot_be_opened_is_said(tmp_path: Path, path: str) -> None:
    """For writing as for reading."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(BackupFileFailed):
        write(tmp_path / path)
    with pytest.raises(BackupFileFailed):
        read(tmp_path / path)
    assert sorted(found.name for found in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.parametrize("path", ["loop/backup", "loop", "x" * 300, "x" * 5000, "nul\0"])
def test_a_path_that_leads_nowhere_is_said(tmp_path: Path, path: str) -> None:
    """Links that lead to themselves, names that are too long: one line, as of everything else."""
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BackupFileFailed):
        write(tmp_path / path)
    with pytest.raises(BackupFileFailed):
        refuse_to_replace(tmp_path / path, [tmp_path / "other"])
    assert [found.name for found in tmp_path.iterdir()] == ["loop"]


@pytest.mark.parametrize("name", ["kept", "link", "hard-link", "folder/../kept", "absent"])
def test_what_postkeep_lives_by_is_not_replaced(tmp_path: Path, name: str) -> None:
    """A database that a backup took the place of is gone with everything in it; so is a log that comes later."""
    kept = tmp_path / "kept"
    kept.write_text("everything", "utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "hard-link").hardlink_to(kept)
    with pytest.raises(BackupFileFailed, match="name another one"):
        refuse_to_replace(tmp_path / name, [kept, tmp_path / "absent"])
    refuse_to_replace(tmp_path / "backup", [kept, tmp_path / "absent"])


def test_a_pipe_by_name_is_written_and_read_once(tmp_path: Path) -> None:
    """As `>(gpg ...)` and `<(gpg ...)` of a shell are; what is read cannot be verified beforehand."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write, args=(pipe,))
    writer.start()
    with opened(pipe) as file:
        assert not file.is_repeatable
        assert b"".join(file.lines()) == CONTENT
    writer.join()
    assert pipe.is_fifo()


PACKED = gzip.compress(CONTENT)


@pytest.mark.parametrize(
    "damaged",
    [
        PACKED[:-1],
        PACKED[:-9],
        PACKED[: len(PACKED) // 2],
        PACKED[:5],
        PACKED[:-8] + bytes(8),
        PACKED[:40] + b"\xff\xff\xff" + PACKED[43:],
        PACKED + b"more",
        CONTENT,
        b"SQLite format 3\x00",
    ],
    ids=lambda damaged: f"{len(damaged)}-bytes",
)
def test_what_gzip_did_not_make_is_damaged(damaged: bytes) -> None:
    """Cut off, altered, followed by something, or never packed."""
    with pytest.raises(BackupDamaged):
        list(BackupFile(BytesIO(damaged)).lines())


def test_nothing_at_all_has_no_lines() -> None:
    """An empty file is none of gzip's either; who reads lines misses the first."""
    assert list(BackupFile(BytesIO(b"")).lines()) == []


def test_a_bomb_takes_no_more_memory_than_a_line() -> None:
    """A file of a megabyte that unpacks to a gigabyte: read in pieces, of which the first is refused."""
    bomb = BytesIO(gzip.compress(bytes(256 * 1024 * 1024), 9))
    tracemalloc.start()
    try:
        lines = BackupFile(bomb).lines()
        assert len(next(lines)) == MAX_LINE_BYTES
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_LINE_BYTES
    finally:
        tracemalloc.stop()
