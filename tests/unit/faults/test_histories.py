"""Histories on the disk: what was written is what is judged."""

from pathlib import Path

import pytest

from tests.faults.history import NEVER, Item, Kind, Outcome, Recorder, read_history


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Every field that a verdict depends on, in the order in which things were asked for."""
    path = tmp_path / "history.jsonl"
    with path.open("a", encoding="utf-8") as file:
        recorder = Recorder(file, "a-")
        add = recorder.invoke("c1", "ann", Kind.ADD, uid="ann:1", digest="d", session="s")
        listed = recorder.invoke("c2", "ann", Kind.LIST)
        listed.shown, listed.status, listed.foreign = [Item("id", "ann:1", "d")], 200, ["mark"]
        recorder.complete(listed, Outcome.OK)
        add.post, add.status = "id", 201
        recorder.complete(add, Outcome.OK)
    assert read_history([path]) == [add, listed]


def test_what_was_not_answered_is_of_unknown_outcome(tmp_path: Path) -> None:
    """Its client may have been killed; what it asked for may be done all the same."""
    path = tmp_path / "history.jsonl"
    with path.open("a", encoding="utf-8") as file:
        Recorder(file, "a-").invoke("c1", "ann", Kind.DELETE, post="id")
    (delete,) = read_history([path])
    assert (delete.outcome, delete.completed, delete.acknowledged) == (Outcome.INFO, NEVER, NEVER)


def test_half_a_line_at_the_end_is_no_line(tmp_path: Path) -> None:
    """So a killed client leaves its file; half a line anywhere else is an error."""
    path = tmp_path / "history.jsonl"
    whole = '{"name":"a-1","client":"c","user":"ann","kind":"list","invoked":1}'
    path.write_text(f"{whole}\n{whole[:20]}", "utf-8")
    assert [operation.name for operation in read_history([path])] == ["a-1"]
    path.write_text(f"{whole[:20]}\n{whole}\n", "utf-8")
    with pytest.raises(ValueError, match="line 1 column 21"):
        read_history([path])
