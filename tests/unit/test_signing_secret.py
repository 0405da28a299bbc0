"""The secret that is made once and kept in a file: as good as one that is given, or none."""

import errno
import os
import stat
from pathlib import Path

import pytest

from postkeep.adapters.signing_secret import kept_secret
from postkeep.domain.errors import Misconfigured

SECRET = "Zq3kL9vT0xW7bN2mR5yU8pA1sD4fG6hJ"


def test_a_secret_is_made_once_and_read_again(tmp_path: Path) -> None:
    """By its owner only, and with nothing left beside it."""
    path = tmp_path / "secret.key"
    made = kept_secret(path)
    assert (kept_secret(path), stat.S_IMODE(path.stat().st_mode)) == (made, 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_of_an_earlier_release_counts_on(tmp_path: Path) -> None:
    """Nobody is logged out by an update."""
    path = tmp_path / "secret.key"
    path.touch(0o600)
    path.write_text(f"{SECRET}\n", "ascii")
    assert kept_secret(path) == SECRET.encode()


@pytest.mark.parametrize("content", ["", SECRET[:31], "a" * 64, f"{SECRET} {SECRET}", f"change-{SECRET}"])
def test_tk_34_a_kept_secret_is_as_good_as_a_given_one(tmp_path: Path, content: str) -> None:
    """A file that was damaged, or written by hand, protects nothing because of its name."""
    path = tmp_path / "secret.key"
    path.touch(0o600)
    path.write_text(content, "ascii")
    with pytest.raises(Misconfigured, match="Remove the file") as caught:
        kept_secret(path)
    assert SECRET not in str(caught.value)


def test_a_secret_s_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody writes to it."""
    os.mkfifo(tmp_path / "secret.key", 0o600)
    with pytest.raises(Misconfigured, match="no regular file"):
        kept_secret(tmp_path / "secret.key")


def test_a_full_disk_leaves_no_half_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager tries again every five seconds, and each start would leave one more."""

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Misconfigured, match="No space left"):
        kept_secret(tmp_path / "secret.key")
    assert list(tmp_path.iterdir()) == []
