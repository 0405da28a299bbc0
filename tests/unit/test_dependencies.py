"""What `pip install postkeep` brings along is enough to start: extras are for what is asked for by name."""

import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]

STARTING: Final = """
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if any(f"{name}.".startswith(f"{each}.") for each in sys.argv[1:]):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refusing())
import postkeep.bootstrap.doctor, postkeep.bootstrap.wiring, postkeep.bootstrap.metrics, postkeep.storage.migrate
import postkeep.cli.account, postkeep.cli.backup, postkeep.cli.posts, postkeep.cli.serve
"""


def brought_along() -> set[str]:
    """Return the packages that are installed with this one, without its extras."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    wanted = [Requirement(line) for line in declared]
    found: set[str] = set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        # What one asks of a package may be more than what another one does.
        key = f"{name}[{','.join(sorted(requirement.extras))}]"
        if key in found:
            continue
        found |= {name, key}
        extras = requirement.extras or {""}
        try:
            further = [Requirement(line) for line in requires(requirement.name) or []]
        except PackageNotFoundError:
            # For another system, or another Python.
            continue
        wanted += [
            each for each in further if not each.marker or any(each.marker.evaluate({"extra": one}) for one in extras)
        ]
    return found


def test_nothing_that_is_not_brought_along_is_needed_to_start() -> None:
    """Whoever tries it has no extras: here the driver of a server was one, and the first start was a trace."""
    along = brought_along()
    refused = [
        module
        for module, packages in packages_distributions().items()
        if along.isdisjoint(map(canonicalize_name, packages)) and module != "postkeep"
    ]
    # FastAPI brings a part of these along.
    assert {"opentelemetry-api", "asyncmy"} <= along
    assert {"opentelemetry-sdk", "pytest"}.isdisjoint(along)
    refused += ["opentelemetry.sdk", "opentelemetry.exporter"]
    done = subprocess.run([sys.executable, "-c", STARTING, *refused], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
