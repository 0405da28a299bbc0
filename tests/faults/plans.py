"""Plans: what CI runs, and what is run by option."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tests.faults.nemeses import BY_NAME, NEMESES, Nemesis
from tests.faults.run import Phase, Plan

CI: Final = {
    "sqlite": ("", "kill-worker", "kill-server", "end-worker+freeze-worker", "restart-server+migrate"),
    "mariadb": (
        "cut-commits+kill-connections",
        "kill-database",
        "kill-worker+latency",
        "read-only+cut-everything",
        "freeze-database+half-close",
        "swallow",
        "restart-database+small-pool",
    ),
}
"""The phases of the two minutes that every change has to pass: each nemesis at least once, alone or beside another."""

CI_SECONDS: Final = {"sqlite": 4.5, "mariadb": 5.5}


def plan_for_ci(database: str) -> Plan:
    """Return what CI runs on a database."""
    return Plan(database, [phase_of(words, CI_SECONDS[database]) for words in CI[database]])


def phase_of(words: str, seconds: float) -> Phase:
    """Return a phase by its nemeses' names.

    "kill-worker*20@3+latency" is these two, the first at least 20 times, with 3 seconds between strikes on average.

    Raises:
        ValueError: There is no such nemesis.
    """
    return Phase([_nemesis(word) for word in words.split("+") if word], seconds)


def phases_for(database: str, seconds: float, *, pairs: bool) -> Sequence[Phase]:
    """Return a phase for each nemesis that a database has, and for each pair of them where that is asked for."""
    here = [nemesis for nemesis in NEMESES.values() if database in nemesis.databases]
    alone = [Phase([nemesis], seconds) for nemesis in here]
    together = [Phase([one, other], seconds) for at, one in enumerate(here) for other in here[at + 1 :]]
    return [*alone, *(together if pairs else ())]


def _nemesis(word: str) -> Nemesis:
    """Return a nemesis by its name, how often it is to strike at least, and at what pace."""
    words, _, every = word.partition("@")
    name, _, least = words.partition("*")
    known = {**NEMESES, **BY_NAME}
    found = known.get(name)
    if found is None:
        message = f"{name!r} is none of {', '.join(known)}"
        raise ValueError(message)
    return replace(found, least=int(least or 0), every=float(every or found.every))
