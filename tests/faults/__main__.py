"""The checker by hand: python -m tests.faults --help."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.faults.clients import HOARD, MIXED
from tests.faults.disks import small_disk
from tests.faults.hunt import PREY, hunt
from tests.faults.plans import phase_of, phases_for, plan_for_ci
from tests.faults.run import Plan, run
from tests.faults.soak import complaints, soak

_HABITS: Final = {"mixed": MIXED, "hoard": HOARD}

_EXAMPLES: Final = """
what to strike with:
  ci                       what every change has to pass (the default)
  all, pairs               each nemesis alone; and each pair of them
  kill-worker,latency      one phase for each of these
  kill-worker+latency      both at the same time
  kill-database*100        at least a hundred times, however long that takes
  kill-database*100@6      with 6 seconds between one and the next, on average

examples:
  python -m tests.faults --database mariadb --nemeses 'kill-database*100@6+kill-worker*200@3' --habits hoard
  python -m tests.faults --database sqlite --nemeses 'kill-server*200'
  python -m tests.faults --database both --nemeses pairs --seconds 20 --settle 10 --seeds 1 2 3
  python -m tests.faults --database sqlite --nemeses 'full-disk*5' --disk-mib 96
  python -m tests.faults --database mariadb --nemeses 'silence-database*3'
  python -m tests.faults --database both --soak --seconds 900
  python -m tests.faults --mutants
"""


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say, and return 0 if nothing was wrong."""
    given = _parser().parse_args(arguments)
    if given.mutants is not None:
        return _hunt_all(given.mutants or list(PREY))
    good = True
    for seed in given.seeds:
        for database in ("sqlite", "mariadb") if given.database == "both" else (given.database,):
            good = (_soak if given.soak else _run)(given, database, seed) and good
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    """Return what reads the arguments."""
    parser = argparse.ArgumentParser(
        "python -m tests.faults",
        description="Hunt for acknowledged things that get lost, while faults strike (CASES.md 11).",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--database", choices=["sqlite", "mariadb", "both"], default="both", help="default: both")
    parser.add_argument("--nemeses", default="ci", metavar="WHAT", help="what to strike with; see below")
    parser.add_argument("--seconds", type=float, default=10, help="of each phase, at least (default: 10)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="SEED", help="one run each (default: 1)")
    parser.add_argument("--habits", choices=list(_HABITS), default="mixed", help="hoard: mostly add (default: mixed)")
    parser.add_argument("--clients", type=int, default=16, help="default: 16")
    parser.add_argument("--settle", type=float, default=0.2, help="seconds from healing to final reads (default: 0.2)")
    parser.add_argument("--disk-mib", type=int, metavar="MIB", help="put the database on a file system of this size")
    parser.add_argument(
        "--soak", action="store_true", help="a hundred clients, nothing that strikes, and nothing that may grow"
    )
    parser.add_argument("--folder", type=Path, help="where histories and logs go (default: a new one in TMPDIR)")
    parser.add_argument("--mutants", nargs="*", metavar="NAME", help="hunt these planted bugs, or all, instead")
    return parser


def _run(given: argparse.Namespace, database: str, seed: int) -> bool:
    """Run one plan and print its figures; return whether nothing was wrong."""
    folder = _new_folder(given.folder, f"{database}-{seed}-")
    with small_disk(folder, given.disk_mib) as disk:
        plan = replace(
            _plan(given, database),
            seed=seed,
            settle=given.settle,
            habits=_HABITS[given.habits],
            clients=given.clients,
            disk=disk,
        )
        figures = asyncio.run(run(plan, folder, tell=_say))
    _say(f"{figures}\n  history: {folder}")
    return figures.is_good


def _soak(given: argparse.Namespace, database: str, seed: int) -> bool:
    """Soak, and print the figures; return whether nothing was wrong."""
    folder = _new_folder(given.folder, f"soak-{database}-{seed}-")
    figures, growth = asyncio.run(soak(database, folder, seconds=given.seconds, seed=seed))
    found = complaints(figures, growth)
    _say("\n  ".join([str(figures), str(growth), *(f"BAD {each}" for each in found), f"history: {folder}"]))
    return not found


def _plan(given: argparse.Namespace, database: str) -> Plan:
    """Return the plan that the arguments ask for."""
    if given.nemeses == "ci":
        return plan_for_ci(database)
    if given.nemeses in {"all", "pairs"}:
        return Plan(database, phases_for(database, given.seconds, pairs=given.nemeses == "pairs"))
    return Plan(database, [phase_of(words, given.seconds) for words in given.nemeses.split(",")])


def _hunt_all(names: Sequence[str]) -> int:
    """Hunt mutants, and return 0 if all were found."""
    survivors = 0
    for name in names:
        prey = PREY[name]()
        found = asyncio.run(hunt(prey, _new_folder(None, f"{name}-")))
        broken = sorted({violation.invariant.name for violation in found})
        is_found = prey.breaks.name in broken
        survivors += not is_found
        _say(f"{'found   ' if is_found else 'SURVIVED'} {name}: expected {prey.breaks.name}, found {broken}")
    return min(survivors, 1)


def _new_folder(parent: Path | None, prefix: str) -> Path:
    """Make a folder for a run."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"faults-{prefix}", dir=parent))


def _say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
