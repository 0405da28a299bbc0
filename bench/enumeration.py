"""Whether the time that a refused login takes tells who has an account."""

import json
import random
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from bench.arena import Plan, databases
from bench.databases import MariaDbHost
from bench.figures import Telling, Told
from bench.load import Void
from bench.people import PASSWORD, Api, sign_up
from bench.postkeep import Postkeep

_WARM: Final = 5
_UNLIMITED: Final = {"POSTKEEP_LOGIN_FAILURES": "0", "POSTKEEP_LOGIN_FAILURES_PER_NETWORK": "0"}
_REFERENCE: Final = "an account, wrong password"
_SEED: Final = 20261122

_NOTE: Final = (
    "Refused logins of four kinds over one connection, in random order (seed {}), {} of each; nothing else happens"
    " meanwhile, and nobody is held up for guessing. The second figure is the chance that one of this kind takes longer"
    " than one with an account's wrong password: 0.5 where time tells nothing. Beside it, where it lies 95 times of 100"
    " where time tells nothing (Mann and Whitney's U)."
)


def told(plan: Plan, folder: Path, host: MariaDbHost | None, samples: int) -> Telling:
    """Measure refused logins on each database."""
    rows: list[Told] = []
    with ExitStack() as stack:
        for database in databases(plan.databases, folder, host, stack):
            postkeep = Postkeep(database, folder / database.name, _UNLIMITED)
            with postkeep.serve() as server:
                api = Api(server.port)
                known, disabled = (person.email for person in sign_up(api, 2))
                postkeep.run("account", "disable", disabled)
                found = _measure(api, _kinds(known, disabled), samples)
            reference = found[_REFERENCE]
            rows += [Told(f"{database.name}: {kind}", times, reference) for kind, times in found.items()]
    return Telling("What the time of a refused login tells", _NOTE.format(_SEED, samples), rows)


def _kinds(known: str, disabled: str) -> Mapping[str, Mapping[str, str]]:
    """Return what is sent for each kind."""
    wrong = "not " + PASSWORD
    return {
        _REFERENCE: {"email": known, "password": wrong},
        "no account": {"email": "nobody@example.com", "password": wrong},
        "a disabled account, wrong password": {"email": disabled, "password": wrong},
        "a disabled account, its password": {"email": disabled, "password": PASSWORD},
    }


def _measure(api: Api, kinds: Mapping[str, Mapping[str, str]], samples: int) -> Mapping[str, list[float]]:
    """Log in again and again, each time as one or the other, and return the milliseconds by kind.

    Raises:
        Void: A login was not refused, or not in the same words.
    """
    turns = [kind for kind in kinds for _ in range(samples)]
    random.Random(_SEED).shuffle(turns)
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    answers = set[tuple[int, str]]()
    with closing(HTTPConnection("127.0.0.1", api.port, timeout=60)) as connection:
        for turn, kind in enumerate([*kinds] * _WARM + turns):
            begun = time.perf_counter()
            connection.request("POST", "/api/v1/login", json.dumps(kinds[kind]), {"Content-Type": "application/json"})
            response = connection.getresponse()
            body = json.loads(response.read())
            if turn >= _WARM * len(kinds):
                found[kind].append((time.perf_counter() - begun) * 1e3)
            answers.add((response.status, body["code"]))
    if answers != {(401, "invalid_credentials")}:
        message = f"refused logins were answered with {answers}"
        raise Void(message)
    return found
