"""docs/capacity.md: what it shows is what was measured."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_figures_and_tables_are_those_of_the_measurements() -> None:
    """`python -m bench.plots` writes them; nobody draws by hand.

    In a process of its own: the library that draws hooks into how Python imports, in a way that warns at each import.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.plots", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
