"""The embedded database's file under a running server: removed, replaced, or locked by somebody who stands still."""

import shutil
from pathlib import Path

from tests.e2e.clients import Person, a_text, connect
from tests.e2e.servers import PostkeepServer


def test_what_is_acknowledged_is_in_the_file_that_is_there(tmp_path: Path) -> None:
    """With a copy put in its place every process says that it keeps nothing more, and what to do."""
    server = PostkeepServer(tmp_path, {}, options=("--workers", "2"))
    with server.running():
        person = Person.signs_up(server.http)
        person.add(a_text())
        path = server.data_folder / "postkeep.db"
        shutil.copy(path, tmp_path / "copy")
        (tmp_path / "copy").rename(path)
        for _ in range(6):
            # A connection of its own each time: whichever worker takes it.
            with connect(server.url, connections=1) as http:
                assert person.at(http).adds({"text": "lost"}).status_code == 503
                assert http.get("/readyz").status_code == 503
        assert Person(server.http).signup().status_code == 503
        (*_, said) = server.events("storage_failed")
        assert "put there with no -wal and -shm beside it" in said["reason"]
