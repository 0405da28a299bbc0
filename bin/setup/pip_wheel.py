"""Where to get pip from. Python brings it along, but Debian's does not."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import debian


class Absent(Exception):
    """pip is to be had nowhere."""

    def __init__(self) -> None:
        """Say what would help."""
        super().__init__(
            "This Python has no pip, and none could be downloaded. "
            "Install it (on Debian: apt-get install python3-venv) and try again."
        )


def find(scratch: Path) -> Path:
    """Find pip as a wheel: a file that runs without being installed.

    Args:
        scratch: A folder for what must be downloaded.

    Raises:
        Absent: There is none, and none can be downloaded.
    """
    for source in (_bundled, _downloaded, _installed_from_debian, _unpacked_from_debian):
        try:
            wheel = source(scratch)
        except subprocess.CalledProcessError:  # this way is closed; the next may be open
            continue
        if wheel is not None:
            return wheel
    raise Absent


def _bundled(_: Path) -> Path | None:
    """Take the wheel that came with this Python."""
    apart = sysconfig.get_config_var("WHEEL_PKG_DIR")  # where Debian and Fedora keep it
    return _wheel_in(Path(apart) if apart else Path(sysconfig.get_path("stdlib"), "ensurepip", "_bundled"))


def _downloaded(scratch: Path) -> Path | None:
    """Let the pip that this Python was installed with, if any, download another."""
    command = [os.path.realpath(sys.executable), "-m", "pip", "download", "--no-deps", "--dest", str(scratch), "pip"]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return _wheel_in(scratch)


def _installed_from_debian(scratch: Path) -> Path | None:
    """Install what Debian keeps apart from its Python."""
    if debian.can_install():
        debian.install("python3-venv")
    return _bundled(scratch)


def _unpacked_from_debian(scratch: Path) -> Path | None:
    """Take the wheel out of Debian's package, for users who may not install it."""
    if debian.can_download():
        debian.unpack(scratch, "python3-pip-whl")
    return _wheel_in(scratch / "usr/share/python-wheels")


def _wheel_in(folder: Path) -> Path | None:
    return max(folder.glob("pip-*.whl"), default=None)
