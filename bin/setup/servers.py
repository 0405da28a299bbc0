"""What the tests need beside Python: a real database server, a browser, nginx, and curl for the README's commands.

Found on PATH, or installed from Debian, or missed with a clear line and a failure: never skipped in silence.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import debian

_GALERA = Path("/usr/lib/galera/libgalera_smm.so")
_NGINX = Path(__file__).parents[2] / ".cache/nginx"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> str | None:
    """Install what is missing.

    Returns:
        Why the tests cannot run, None when they can.
    """
    return _install() or _unpack_nginx()


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


def _unpack_nginx() -> str | None:
    # Installing nginx would start it; the program runs as well from where it is unpacked, which needs no root.
    if _is_installed("nginx") or (_NGINX / "usr/sbin/nginx").exists():
        return None
    if not debian.can_download():
        return "bin/test needs nginx: not on PATH, and no apt-get to download it. Install it."
    print("Unpacking nginx from Debian ...", file=sys.stderr, flush=True)
    shutil.rmtree(_NGINX, ignore_errors=True)
    _NGINX.mkdir(parents=True)
    try:
        debian.unpack("nginx", _NGINX)
    except subprocess.CalledProcessError as error:
        return f"{error.output}\napt-get could not download nginx; its words are above."
    return None


def _is_installed(*programs: str) -> bool:
    # Debian keeps servers in /usr/sbin, which only root has on PATH.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    return any(shutil.which(program, path=path) for program in programs)


if __name__ == "__main__":
    sys.exit(main())
