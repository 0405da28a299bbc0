"""How many files may be open: asked for, and heeded where the system says no."""

import resource

import pytest

from postkeep.cli import open_files


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "got", "asked"),
    [
        (1024, 1_000_000, 2000, 2000, 2256),
        (1024, resource.RLIM_INFINITY, 2000, 2000, 2256),
        (1_000_000, 1_000_000, 2000, 2000, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 2000, 2000, None),
        (1024, 1024, 2000, 768, 1024),
        (100, 200, 2000, 1, 200),
        (1024, 2000, 768, 768, None),
    ],
)
def test_as_many_as_fit(  # noqa: PLR0913, PLR0917 - the cases of one table
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: int, got: int, asked: int | None
) -> None:
    """Never fewer than there were, never more than may be."""
    set_to: list[tuple[int, int]] = []

    def ask(_: int) -> tuple[int, int]:
        return soft, hard

    def take(_: int, limits: tuple[int, int]) -> None:
        set_to.append(limits)

    monkeypatch.setattr(resource, "getrlimit", ask)
    monkeypatch.setattr(resource, "setrlimit", take)
    assert open_files.make_room(wanted) == got
    assert set_to == ([] if asked is None else [(asked, hard)])
