"""Debian's packages: installed where this process may, downloaded where it may not."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

# Another apt-get may be at work (a machine that has just started updates itself): wait for it.
_APT_GET = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300")


def can_download() -> bool:
    """Tell whether packages can be had at all."""
    return shutil.which("apt-get") is not None


def can_install() -> bool:
    """Tell whether packages can be installed: apt-get is here, and this is root."""
    return can_download() and os.geteuid() == 0


def install(*packages: str) -> None:
    """Install packages and what they cannot do without.

    Raises:
        subprocess.CalledProcessError: apt-get failed; `output` says why.
    """
    wanted = ["install", "--yes", "--no-install-recommends", *packages]
    try:
        _apt_get(wanted)
    except subprocess.CalledProcessError:  # the lists of packages are missing or too old
        _apt_get(["update"])
        _apt_get(wanted)


def unpack(folder: Path, *packages: str) -> None:
    """Download packages and unpack them into `folder`; needs no root and installs nothing.

    Raises:
        subprocess.CalledProcessError: apt-get or dpkg-deb failed; `output` says why.
    """
    wanted = ["download", *packages]
    try:
        _apt_get(wanted, folder)
    except subprocess.CalledProcessError:  # no lists of packages, and only root may renew the system's
        lists = folder / "lists"
        lists.mkdir()
        own = ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={folder}"]
        _apt_get([*own, "update"])
        _apt_get([*own, *wanted], folder)
    for deb in folder.glob("*.deb"):
        _run(["dpkg-deb", "--extract", str(deb), str(folder)])


def _apt_get(arguments: Sequence[str], folder: Path | None = None) -> None:
    _run([*_APT_GET, *arguments], folder)


def _run(command: Sequence[str], folder: Path | None = None) -> None:
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(
        command,
        cwd=folder,
        env=quiet,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
