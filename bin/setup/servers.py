"""What the tests need beside Python: a real database server, a browser, nginx, HAProxy, and curl for the README.

Found on PATH, or installed from Debian, or missed with a clear line and a failure: never skipped in silence.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import debian

_GALERA = Path("/usr/lib/galera/libgalera_smm.so")
_CACHE = Path(__file__).parents[2] / ".cache"
_PROXIES = {
    "nginx": ("nginx",),
    # With the libraries that nothing else here needs.
    "haproxy": ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"),
}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> str | None:
    """Install what is missing.

    Returns:
        Why the tests cannot run, None when they can.
    """
    return _install() or next(filter(None, map(_unpack, _PROXIES)), None)


def _install() -> str | None:
    # The core packages hold the programs alone: no service that Debian would start, no account, no questions.
    missing: dict[str, tuple[str, ...]] = {}
    if not os.environ.get("POSTKEEP_TEST_MYSQL_URL") and not _is_installed("mariadbd"):
        missing["MariaDB"] = ("mariadb-server-core", "mariadb-client-core")
    if not _GALERA.exists() and debian.can_install():
        missing["Galera"] = ("galera-4",)
    if not _is_installed(*_BROWSERS):
        missing["Chromium"] = ("chromium", "fonts-dejavu-core")
    if not _is_installed("curl"):
        missing["curl"] = ("curl",)
    if not missing:
        return None
    names = " and ".join(missing)
    if not debian.can_install():
        return (
            f"bin/test needs {names}: not on PATH, and no root with apt-get to install it. Install it, or run as root; "
            "a running MySQL or MariaDB can be named in POSTKEEP_TEST_MYSQL_URL."
        )
    print(f"Installing {names} from Debian ...", file=sys.stderr, flush=True)
    try:
        debian.install(*(package for packages in missing.values() for package in packages))
    except subprocess.CalledProcessError as error:
        return f"{error.output}\napt-get could not install {names}; its words are above."
    return None


def _unpack(proxy: str) -> str | None:
    # Installing a proxy would start it; the program runs as well from where it is unpacked, which needs no root.
    folder = _CACHE / proxy
    if _is_installed(proxy) or (folder / "usr/sbin" / proxy).exists():
        return None
    if not debian.can_download():
        return f"bin/test needs {proxy}: not on PATH, and no apt-get to download it. Install it."
    print(f"Unpacking {proxy} from Debian ...", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        debian.unpack(folder, *_PROXIES[proxy])
    except subprocess.CalledProcessError as error:
        return f"{error.output}\napt-get could not download {proxy}; its words are above."
    return None


def _is_installed(*programs: str) -> bool:
    # Debian keeps servers in /usr/sbin, which only root has on PATH.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    return any(shutil.which(program, path=path) for program in programs)


if __name__ == "__main__":
    sys.exit(main())
