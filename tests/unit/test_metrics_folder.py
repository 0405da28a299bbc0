"""The folder of the numbers: gone with its server, however that ends, and no other server's."""

import tempfile
from pathlib import Path

import pytest

from postkeep.bootstrap.metrics_folder import folder_of_numbers


def test_what_a_killed_server_has_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    """It is memory, which nobody would ever give back."""
    left = tmp_path / "postkeep-metrics-of-the-dead"
    left.mkdir()
    (left / "counter_1.db").write_bytes(b"1")
    with folder_of_numbers(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_use_is_left_alone_and_so_is_what_is_not_ours(tmp_path: Path) -> None:
    """Servers of one user start beside each other; a link leads to what was never made for numbers."""
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (place := tmp_path / "place").mkdir()
    (place / "postkeep-metrics-link").symlink_to(elsewhere)
    with folder_of_numbers(place) as first:
        (first / "counter_1.db").write_bytes(b"1")
        with folder_of_numbers(place) as second:
            assert first != second
        assert (first / "counter_1.db").read_bytes() == b"1"
    assert elsewhere.is_dir()


def test_whoever_starts_at_the_same_moment_takes_nobodys_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is locked another one may take it for one that was left behind: then a second one is made."""
    make, made = tempfile.mkdtemp, list[str]()

    def make_and_lose(prefix: str, dir: Path) -> str:  # noqa: A002 - as mkdtemp has it
        made.append(make(prefix=prefix, dir=dir))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", make_and_lose)
    with folder_of_numbers(tmp_path) as folder:
        assert folder.is_dir()
    assert len(made) == 2
