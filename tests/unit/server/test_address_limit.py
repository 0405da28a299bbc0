"""The limit of addresses: whom it counts."""

import pytest

from postkeep.server.address_limit import AddressLimit
from postkeep.server.request_limit import RequestLimit
from tests.unit.server.asgi import Behind, a_scope, ask


@pytest.mark.parametrize(("path", "status"), [("/livez", 200), ("/readyz", 429), ("/", 429), ("/livez/x", 429)])
async def test_whoever_looks_whether_the_process_lives_is_not_counted(path: str, status: int) -> None:
    """Behind the same address as a flood, they would end a process that has a limit; /readyz asks the database."""
    layer = AddressLimit(Behind(), limit=RequestLimit("address", 1))
    for _ in range(20):
        await ask(layer, a_scope(path="/"))
    assert (await ask(layer, a_scope(path=path)))[0]["status"] == status


async def test_looking_after_the_server_uses_nothing_up() -> None:
    """It asks again and again."""
    layer = AddressLimit(Behind(), limit=RequestLimit("address", 1))
    for _ in range(20):
        await ask(layer, a_scope(path="/livez"))
    assert (await ask(layer, a_scope(path="/")))[0]["status"] == 200
