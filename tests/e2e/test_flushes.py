"""What is acknowledged is on the disk, as the kernel sees it (DESIGN.md 4). With --long only: strace must be there."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.clients import Person
from tests.e2e.servers import PostkeepServer

ADDS = 50
WRITTEN = re.compile(r"pwrite64\(\d+<[^>]*-wal>")
FLUSHED = re.compile(r"(?:fdatasync|fsync)\(\d+<[^>]*-wal>\) += 0|<\.\.\. (?:fdatasync|fsync) resumed>.* = 0")
ACKNOWLEDGED = re.compile(r"(?:write|sendto|sendmsg|writev)\(.*HTTP/1\.1 201")


@pytest.mark.long
def test_db_23_every_answer_waits_for_the_disk(tmp_path: Path) -> None:
    """Before each answer of 201 the write-ahead log was written, and flushed behind its last write."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not there: apt-get install strace")
    trace = tmp_path / "trace"
    with PostkeepServer(tmp_path, {}).running() as server:
        person = Person.signs_up(server.http)
        assert server.process is not None
        calls = "trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg"
        watched = [strace, "-f", "-y", "-s", "64", "-o", str(trace), "-e", calls, "-p", str(server.process.pid)]
        with subprocess.Popen(watched, stderr=subprocess.PIPE) as watching:
            assert watching.stderr is not None
            assert b"attached" in watching.stderr.readline()
            for number in range(ADDS):
                assert person.adds({"text": f"post {number}"}).status_code == 201
            watching.send_signal(signal.SIGINT)
    assert acknowledged_unflushed(trace.read_text("utf-8", "replace").splitlines()) == (ADDS, [])


def acknowledged_unflushed(lines: list[str]) -> tuple[int, list[str]]:
    """Return how many answers of 201 there were, and those before which the log was not written, or not flushed."""
    answers, wrong = 0, list[str]()
    is_written = is_flushed = False
    for line in lines:
        if WRITTEN.search(line):
            is_written, is_flushed = True, False
        elif FLUSHED.search(line):
            is_flushed = True
        elif ACKNOWLEDGED.search(line):
            answers += 1
            if not (is_written and is_flushed):
                wrong.append(line)
            is_written = is_flushed = False
    return answers, wrong
