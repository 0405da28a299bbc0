"""The checker is tested, too: what is planted is found (CASES.md 11)."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.hunt import PREY, hunt


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PREY)
def test_a_planted_bug_is_found(name: str, tmp_path: Path) -> None:
    """By the invariant that it breaks; one that survives would mean that the other runs prove nothing."""
    prey = PREY[name]()
    found = asyncio.run(hunt(prey, tmp_path))
    assert prey.breaks in {violation.invariant for violation in found}
