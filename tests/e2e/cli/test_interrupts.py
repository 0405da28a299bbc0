"""Ctrl-C: an end that somebody asked for is no fault, however early it comes."""

import signal
import subprocess
from pathlib import Path

from tests.e2e.cli.commands import SECONDS, Outcome, postkeep
from tests.e2e.servers import PROGRAM, environment


def test_ctrl_c_while_modules_are_imported_is_a_quiet_end(tmp_path: Path) -> None:
    """A trace would look like a bug to whoever has only thought better of it."""
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    assert postkeep("--version", settings={"PYTHONPATH": str(tmp_path)}, folder=tmp_path) == Outcome(130, "", "")


def test_ctrl_c_at_a_question_is_an_interruption_and_no_answer(tmp_path: Path) -> None:
    """A script that asks somebody tells by the exit code whether they said no."""
    command = [str(PROGRAM), "account", "delete", "ann@example.com"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=environment({}), stdin=pipe, stdout=pipe, stderr=pipe) as asking:
        assert asking.stdout is not None
        asked = b""
        while not asked.endswith(b"[y/N]: ") and (letter := asking.stdout.read(1)):
            asked += letter
        asking.send_signal(signal.SIGINT)
        _, said = asking.communicate(timeout=SECONDS)
    assert (asking.returncode, said) == (130, b"")
