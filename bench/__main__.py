"""Measure Postkeep beside what stands beside it: `python -m bench`, from the root of a checkout."""

import argparse
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench.arena import DATABASES, Arena, Plan, opened
from bench.load import Void
from bench.report import Comparison, write
from bench.sides import Measured


def main() -> None:
    """Measure, and write the report."""
    given = _options()
    if shutil.which("wrk") is None:
        sys.exit("wrk makes the load and is not installed; on Debian: apt-get install wrk")
    plan = Plan(
        databases=[given.database] if given.database else DATABASES,
        starts=given.starts,
        readers=given.readers,
        writers=given.writers,
        literal=given.literal,
    )
    # Whoever ends this ends what it started, too.
    signal.signal(signal.SIGTERM, _end)
    begun = datetime.now(UTC)
    try:
        with tempfile.TemporaryDirectory(prefix="postkeep-bench-") as folder, opened(plan, Path(folder)) as arena:
            comparisons = _compare(arena, given.seconds, given.repeats)
            arena.check()
    except Void as error:
        sys.exit(f"void: {error}")
    text = write(begun, arena.starts, comparisons, sys.argv[1:])
    print(text)
    if given.write is not None:
        given.write.write_text(text)


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit("ended")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of load for each side in each repeat (default: 10)")
    parser.add_argument("--repeats", type=int, default=3, help="how often all sides are measured in turn (default: 3)")
    parser.add_argument("--starts", type=int, default=5, help="how often Postkeep is started (default: 5)")
    parser.add_argument("--database", choices=DATABASES, help="measure on this one only")
    parser.add_argument("--readers", type=int, default=200, help="people who list posts (default: 200)")
    parser.add_argument("--writers", type=int, default=32, help="people who add posts (default: 32)")
    parser.add_argument("--literal", type=Path, help="the module of another implementation to measure beside it")
    parser.add_argument("--write", type=Path, help="write the report to this file as well")
    return parser.parse_args()


def _compare(arena: Arena, seconds: int, repeats: int) -> list[Comparison]:
    """Measure all sides in turn, as often as there are repeats."""
    measured: dict[str, list[list[Measured]]] = {}
    groups = {"getPosts": arena.reading, "addPost": arena.adding}
    for repeat in range(repeats):
        for title, sides in groups.items():
            found = measured.setdefault(title, [[] for _ in sides])
            for side, so_far in zip(sides, found, strict=True):
                so_far.append(side.measure(seconds))
                rate = f"{so_far[-1].rate:,.0f}/s, {so_far[-1].cpu_us:,.0f} µs"
                print(f"{repeat + 1}/{repeats} {title}, {side.name}: {rate}", file=sys.stderr)
    return [
        Comparison(title, [(side.name, found) for side, found in zip(sides, measured[title], strict=True)])
        for title, sides in groups.items()
    ]


main()
