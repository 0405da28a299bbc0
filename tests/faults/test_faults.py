"""Nothing that was acknowledged is lost while faults strike (CASES.md: DB-01, DB-02, DB-03, SV-04, CA-05; I1 to I8)."""

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.clients import HOARD
from tests.faults.disks import small_disk
from tests.faults.plans import phase_of, phases_for, plan_for_ci
from tests.faults.run import Plan, run
from tests.faults.soak import complaints, soak

DATABASES = ["sqlite", "mariadb"]


def is_good(plan: Plan, folder: Path) -> bool:
    """Whether a run finds nothing wrong; what it found stands in the test's output, and its history in the folder."""
    figures = asyncio.run(run(plan, folder))
    print(f"{figures}\n  history: {folder}")  # noqa: T201 - pytest shows it where the test fails
    return figures.is_good


@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", DATABASES)
def test_ca_05_db_01_db_02_no_history_is_one_that_a_true_store_cannot_have(database: str, tmp_path: Path) -> None:
    """I1 to I8 hold on three workers, whatever dies, freezes, is cut off or slow, alone or together."""
    assert is_good(plan_for_ci(database), tmp_path)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("database", DATABASES)
def test_all_nemeses_for_long(database: str, seed: int, tmp_path: Path) -> None:
    """Each by itself for longer, with time to settle."""
    assert is_good(Plan(database, phases_for(database, 20, pairs=False), seed=seed, settle=10), tmp_path)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("database", "kills"), [("mariadb", "kill-database*100@6+kill-worker*200@3"), ("sqlite", "kill-server*200")]
)
def test_db_02_db_24_hundreds_of_kills_lose_nothing(database: str, kills: str, tmp_path: Path) -> None:
    """A great many posts, and a great many ends in the middle of them; SQLite's file is whole in the end."""
    plan = Plan(database, [phase_of(kills, 600)], seed=21, settle=10)
    assert is_good(replace(plan, habits=HOARD), tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("database", "mib"), [("sqlite", 24), ("mariadb", 400)])
def test_db_16_a_disk_that_is_full_five_times_loses_nothing(database: str, mib: int, tmp_path: Path) -> None:
    """Reads go on, writes are refused, and all of it is well again by itself when there is room."""
    try:
        with small_disk(tmp_path, mib) as disk:
            plan = Plan(database, [phase_of("full-disk*5", 20)], seed=31, settle=1, disk=disk)
            assert is_good(plan, tmp_path)
    except subprocess.CalledProcessError:
        pytest.skip("this process may not mount a file system")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_db_12_a_database_that_is_frozen_for_half_a_minute_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Each answer comes within five seconds, all the time; then everything goes on."""
    plan = Plan("mariadb", [phase_of("silence-database*3", 30)], seed=41, settle=1)
    figures = asyncio.run(run(plan, tmp_path))
    assert figures.is_good, figures
    assert figures.slowest_ms <= 5_000, figures


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("database", DATABASES)
def test_sv_16_nothing_fails_and_nothing_grows_in_a_quarter_of_an_hour(database: str, tmp_path: Path) -> None:
    """A hundred clients: no answer of 5xx, no file more, and less than a megabyte of memory in an hour for each worker.

    In ten minutes that is less than what memory goes up and down by, so the line through all samples says it. The
    command judges alike.
    """
    figures, growth = asyncio.run(soak(database, tmp_path))
    print(figures, growth)  # noqa: T201 - pytest shows it where the test fails
    assert not complaints(figures, growth)
