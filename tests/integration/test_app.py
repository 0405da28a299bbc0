"""The application as a server has it, in a process of its own."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.servers import environment

COUNT = """
import asyncio, gc
from postkeep.main import app

async def main():
    async with app.router.lifespan_context(app):
        print(gc.get_freeze_count(), end=" ")
    print(gc.get_freeze_count())

asyncio.run(main())
"""


def test_collections_pass_over_what_lives_as_long_as_the_process(tmp_path: Path) -> None:
    """All of it: going through that took a tenth of a second, in which nobody was answered."""
    settings = {"POSTKEEP_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        check=True,
        capture_output=True,
        text=True,
        env=environment(settings),
        cwd=tmp_path,
    )
    serving, afterwards = map(int, done.stdout.split())
    assert serving > 100_000
    assert afterwards == 0
