"""Ctrl-C: an end that somebody asked for is no fault, however early it comes."""

from pathlib import Path

from tests.e2e.cli.commands import Outcome, postkeep


def test_ctrl_c_while_modules_are_imported_is_a_quiet_end(tmp_path: Path) -> None:
    """A trace would look like a bug to whoever has only thought better of it."""
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    assert postkeep("--version", settings={"PYTHONPATH": str(tmp_path)}, folder=tmp_path) == Outcome(130, "", "")
