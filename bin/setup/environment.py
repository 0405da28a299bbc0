"""Make the environment in .venv, or renew it: environment.py run|dev.

`run` is what the server needs (requirements.txt), `dev` all of it and the tools (requirements-dev.txt). An environment
that is in step already is recognised in a few milliseconds, whatever uv or pip have done to it in the meantime.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

import pip_wheel

_ROOT = Path(__file__).resolve().parents[2]
_VENV = _ROOT / ".venv"
_PYTHON = _VENV / "bin" / "python"
_PACKAGES = _VENV / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
_REQUIREMENTS = {"run": _ROOT / "requirements.txt", "dev": _ROOT / "requirements-dev.txt"}
_LOCK = _ROOT / ".cache" / "environment.lock"
# Exists while .venv is being changed: one that was left halfway is made anew instead of trusted.
_UNFINISHED = _ROOT / ".cache" / "environment-unfinished"


def main(kind: str) -> str | None:
    """Bring the environment in step.

    Args:
        kind: `run` or `dev`.

    Returns:
        Why that failed, None when all is well.
    """
    if _is_in_step(kind):
        return None
    try:
        with _alone():
            if not _is_in_step(kind):  # whoever was waited for may have done it
                _bring_in_step(kind)
    except subprocess.CalledProcessError as error:
        return f"{error.output}\nSetting up .venv failed; the words of {error.cmd[0]} are above."
    except pip_wheel.Absent as error:
        return str(error)
    return None


def _is_in_step(kind: str) -> bool:
    record = _record(kind)
    if _UNFINISHED.exists() or not record.is_file():
        return False
    origin, *packages = record.read_text().splitlines()
    return origin == _origin(kind) and _installed().issuperset(packages)


def _record(kind: str) -> Path:
    """Name the file that keeps what an installation was made from, and the packages that it needed."""
    return _VENV / f"postkeep-{kind}.txt"


def _origin(kind: str) -> str:
    """Sum up what an environment is made from; its scripts hold the folder's name and die when it moves."""
    place = f"{_VENV}\n{_base_python()}\n{sys.version}\n"
    files = (_REQUIREMENTS[kind], _ROOT / "pyproject.toml")
    return hashlib.sha256(place.encode() + b"".join(file.read_bytes() for file in files)).hexdigest()


def _base_python() -> str:
    """Name the Python behind this one, be it the environment's or any other."""
    return os.path.realpath(sys.executable)


def _installed() -> set[str]:
    """List the installed packages, as `name==version`; folder names alone, because that is fast."""
    folders = (folder.name.removesuffix(".dist-info").rpartition("-") for folder in _PACKAGES.glob("*.dist-info"))
    return {f"{_normal(name)}=={version}" for name, _, version in folders}


def _pinned(requirements: Path) -> set[str]:
    """List the pins of a requirements file, as `name==version`."""
    pins = re.findall(r"^([\w.-]+)==([^\s;\\]+)", requirements.read_text(), re.MULTILINE)
    return {f"{_normal(name)}=={version}" for name, version in pins}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@contextlib.contextmanager
def _alone() -> Generator[None, None, None]:
    """Keep other processes out; the lock falls with this process, however it ends."""
    _LOCK.parent.mkdir(exist_ok=True)
    with _LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another command is setting up .venv; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bring_in_step(kind: str) -> None:
    keep = _is_usable()
    _say("Bringing .venv up to date ..." if keep else "Setting up .venv (first run, about half a minute) ...")
    _UNFINISHED.touch()
    try:
        if not keep:
            if _VENV.is_symlink():
                _VENV.unlink()  # it leads to an environment that is somebody else's, and is not to be emptied
            _run([_base_python(), "-m", "venv", "--clear", "--without-pip", "--prompt", "postkeep", str(_VENV)])
        _install(kind)
    except (subprocess.CalledProcessError, pip_wheel.Absent):
        _UNFINISHED.unlink()  # a clean failure: pip takes back what it began
        raise
    _UNFINISHED.unlink()


def _is_usable() -> bool:
    """Tell whether there is a whole environment, of this Python and for this folder."""
    activate = _VENV / "bin" / "activate"
    return (
        not _UNFINISHED.exists()
        and _PACKAGES.is_dir()
        and os.path.realpath(_PYTHON) == _base_python()
        and activate.is_file()
        and str(_VENV) in activate.read_text()
    )


def _install(kind: str) -> None:
    if not (_PACKAGES / "pip").is_dir():
        with tempfile.TemporaryDirectory() as scratch:
            wheel = pip_wheel.find(Path(scratch))
            _pip_install("--no-index", str(wheel), pip=f"{wheel}/pip")
    # Every package is listed, so there is nothing to resolve; the hashes make the index's word unnecessary.
    _pip_install("--no-deps", "--require-hashes", "--requirement", str(_REQUIREMENTS[kind]))
    _pip_install("--no-deps", "--no-build-isolation", "--editable", str(_ROOT))
    for served in ("run", "dev") if kind == "dev" else ("run",):
        # A pin that is not installed now is for other platforms.
        ours = {package for package in _installed() if package.startswith("postkeep==")}
        needed = sorted(_installed() & _pinned(_REQUIREMENTS[served]) | ours)
        _record(served).write_text("\n".join([_origin(served), *needed]))


def _pip_install(*arguments: str, pip: str = "-mpip") -> None:
    # The user's own configuration of pip holds, but for `user`, which has no sense in an environment.
    _run([str(_PYTHON), pip, "install", "--no-user", "--disable-pip-version-check", *arguments])


def _run(command: Sequence[str]) -> None:
    # The build backend looks for its program on PATH.
    path = os.pathsep.join([str(_VENV / "bin"), os.environ.get("PATH", os.defpath)])
    subprocess.run(
        command,
        cwd=_ROOT,
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next run starts over.")
