"""What the account of a running server may do on its database (CASES.md: DB-37)."""

import re
from pathlib import Path

from tests.databases import MariaDbServer
from tests.e2e.cli.commands import postkeep
from tests.e2e.clients import Person
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"


def test_db_37_four_rights_are_enough(mariadb: MariaDbServer, tmp_path: Path) -> None:
    """Those that docs/operations.md grants: no files, no tables, no other accounts. All that a person does works."""
    (rights,) = re.findall(r"GRANT (.+) ON postkeep\.\* TO", OPERATIONS.read_text("utf-8"))
    assert rights == "SELECT, INSERT, UPDATE, DELETE"
    with mariadb.database() as url:
        name = str(url.database)
        account = f"{name[-12:]}@'127.0.0.1'"
        mariadb.run(f"CREATE USER {account} IDENTIFIED BY 'few'", f"GRANT {rights} ON {name}.* TO {account}")
        settings = settings_for(url.render_as_string(hide_password=False))
        assert postkeep("migrate", "upgrade", settings=settings, folder=tmp_path).code == 0
        settings["POSTKEEP_DATABASE_URL"] = url.set(username=name[-12:], password="few").render_as_string(
            hide_password=False
        )
        try:
            with PostkeepServer(tmp_path, settings).running() as server:
                person = Person.signs_up(server.http)
                kept, gone = person.add("kept"), person.add("gone")
                assert person.adds({"text": "keyed"}, key="once").status_code == 201
                assert server.http.delete(f"/api/v1/posts/{gone}", headers=person.authorization).status_code == 204
                assert {kept} < {post["id"] for post in person.posts()}
                person.keep(person.renew())
                assert person.logout().status_code == 204
                person.keep(person.login())
                body = {"password": person.password}
                left = server.http.post("/api/v1/me/deletion", json=body, headers=person.authorization)
                assert left.status_code == 204, left.text
                assert server.http.get("/readyz").status_code == 200
        finally:
            mariadb.run(f"DROP USER {account}")
