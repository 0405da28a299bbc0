"""What is released: built, installed where nothing of this checkout is, and served."""

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.clients import Person
from tests.e2e.servers import PostkeepServer, environment

ROOT: Final = Path(__file__).parents[2]
VERSION: Final[str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
MANY_SECONDS: Final = 300


def run(*command: str | Path, **variables: str) -> str:
    """Run a command as from a shell of one's own, and return what it prints."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment(variables), capture_output=True, text=True, check=False, timeout=MANY_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of a release: the one that POSTKEEP_TEST_DIST names, or one that is made here."""
    if given := os.environ.get("POSTKEEP_TEST_DIST"):
        return ROOT / given
    folder = tmp_path_factory.mktemp("release") / "dist"
    run("bin/release", "--draft", folder, SOURCE_DATE_EPOCH="1795910400")
    return folder


def wheel_of(dist: Path) -> Path:
    """Return the wheel."""
    return dist / f"postkeep-{VERSION}-py3-none-any.whl"


def borrowing(folder: Path) -> None:
    """Make an environment that has this one's packages, but not what stands for the checkout among them."""
    venv.create(folder, with_pip=False)
    packages = next(folder.glob("lib/python*/site-packages"))
    # A path in such a file is searched, but its own .pth files, which lead to the checkout, are not read.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"), "utf-8")


def pinned(folder: Path) -> None:
    """Make an environment with what requirements.txt lists, and nothing else."""
    venv.create(folder, with_pip=False)
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        folder,
        "install",
        "--no-deps",
        "--require-hashes",
        "-r",
        ROOT / "requirements.txt",
    )


@pytest.fixture(
    scope="module",
    params=[
        borrowing,
        # All packages anew: long on a slow wire, and for what the other one shows but for requirements.txt itself.
        pytest.param(pinned, marks=[pytest.mark.long, pytest.mark.timeout(MANY_SECONDS)]),
    ],
)
def program(request: pytest.FixtureRequest, dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return `postkeep` as the wheel installs it, in an environment where nothing leads to the checkout."""
    folder = tmp_path_factory.mktemp("installed") / "environment"
    request.param(folder)
    run(sys.executable, "-m", "pip", "--python", folder, "install", "--no-deps", "--no-index", wheel_of(dist))
    return folder / "bin" / "postkeep"


def test_the_hashes_are_those_of_the_files(dist: Path) -> None:
    """Whoever downloads a release can see whether it came whole: `sha256sum --check SHA256SUMS`."""
    lines = (dist / "SHA256SUMS").read_text("ascii").splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    names = {file.name for file in dist.iterdir()} - {"SHA256SUMS"}
    assert names == {f"postkeep-{VERSION}.tar.gz", wheel_of(dist).name, f"postkeep-{VERSION}.cdx.json"}
    assert listed == {name: hashlib.sha256((dist / name).read_bytes()).hexdigest() for name in names}


def test_the_wheel_has_every_file_of_the_package(dist: Path) -> None:
    """Templates, static files, translations and migrations are no Python, and easily left out."""
    package = ROOT / "src" / "postkeep"
    files = {str(file.relative_to(ROOT / "src")) for file in package.rglob("*") if file.is_file()}
    with zipfile.ZipFile(wheel_of(dist)) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("postkeep/") and not name.endswith("/")}
    assert packed == {name for name in files if "__pycache__" not in name}
    with tarfile.open(dist / f"postkeep-{VERSION}.tar.gz") as source:
        assert not [name for name in source.getnames() if "__pycache__" in name or "/." in name]


def test_op_11_the_bill_of_materials_lists_what_it_runs_on(dist: Path) -> None:
    """Whoever hears of a hole in some package asks this file whether it is here, and in which version."""
    bill = json.loads((dist / f"postkeep-{VERSION}.cdx.json").read_text("utf-8"))
    pins = re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    assert bill["bomFormat"] == "CycloneDX"
    assert (bill["metadata"]["component"]["name"], bill["metadata"]["component"]["version"]) == ("postkeep", VERSION)
    assert {(component["name"], component["version"]) for component in bill["components"]} == set(pins)
    hashed = [component for component in bill["components"] if "hashes" in json.dumps(component)]
    assert len(hashed) == len(bill["components"])


def test_the_installed_wheel_migrates_and_serves(program: Path, tmp_path: Path) -> None:
    """What was installed from a release does all by itself: command line, schema, API, pages in both languages."""
    assert run(program, "--version") == f"postkeep {VERSION}\n"
    assert run(program.with_name("python"), "-c", "import postkeep; print(postkeep.__file__)").startswith(
        str(program.parents[1])
    )
    settings = {"POSTKEEP_DATA_DIR": str(tmp_path / "data")}
    run(program, "migrate", "upgrade", **settings)
    run(program, "migrate", "check", **settings)
    with PostkeepServer(tmp_path, settings, command=(str(program), "serve")).running() as server:
        person = Person.signs_up(server.http)
        person.add("Kept by a wheel.")
        assert [post["text"] for post in person.posts()] == ["Kept by a wheel."]
        assert server.http.get("/openapi.json").json()["info"]["version"] == VERSION
        page = server.http.get("/", headers={"Accept": "text/html", "Accept-Language": "ru"}).text
        assert 'lang="ru"' in page
        for file in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
            assert server.http.get(file).status_code == 200


# Needs git, which the image of the tests lacks.
@pytest.mark.long
def test_what_is_not_ready_is_not_released(tmp_path: Path) -> None:
    """What is released can be found again: it is committed, and the changelog says what it brings."""
    script = tmp_path / "bin" / "setup" / "release.py"
    script.parent.mkdir(parents=True)
    for name in ("bin/setup/release.py", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n", "utf-8")
    git: list[str | Path] = ["git", "-C", tmp_path, "-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    run(*git, "init", "--quiet")
    run(*git, "add", "bin", "pyproject.toml")
    run(*git, "commit", "--quiet", "--message", "Begin")

    refused = subprocess.run(
        [sys.executable, script, tmp_path / "dist"], env=environment({}), capture_output=True, text=True, check=False
    )

    assert refused.returncode == 1
    assert "not committed:\n?? CHANGELOG.md" in refused.stderr
    assert f'CHANGELOG.md has no section "## {VERSION} - ' in refused.stderr
    assert not (tmp_path / "dist").exists()
