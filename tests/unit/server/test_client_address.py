"""Who is believed about where a request comes from, and what."""

import logging

import pytest

from postkeep.server.client_address import ClientAddress
from postkeep.server.networks import parse_networks
from tests.unit.server.asgi import CLIENT, Behind, a_scope, ask

TRUSTED = parse_networks("198.51.100.7 10.0.0.0/8 2001:db8:ffff::/48")


async def seen(*headers: tuple[str, str], peer: str = CLIENT[0]) -> tuple[str, str]:
    """Return the address and the scheme that the application sees, behind a peer who said this."""
    behind = Behind()
    await ask(ClientAddress(behind, trusted=TRUSTED), a_scope(*headers, client=(peer, 4711)))
    (scope,) = behind.scopes
    return scope["client"][0], scope["scheme"]


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9:1234"], "203.0.113.9"),
        (["[2001:db8::9]:1234"], "2001:db8::9"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (["1.1.1.1, 203.0.113.9, ::ffff:10.1.2.3,2001:db8:ffff::1"], "203.0.113.9"),
        (["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1", "203.0.113.9, 10.1.2.3", "10.0.0.1"], "203.0.113.9"),
        (["203.0.113.9", "10.0.0.1"], "203.0.113.9"),
        (["10.0.0.2, 10.0.0.1"], "10.0.0.2"),
        (["unknown, 10.0.0.1"], "10.0.0.1"),
        (["1.1.1.1, <script>, 10.0.0.2, 10.0.0.1"], "10.0.0.2"),
        (["1.1.1.1, nonsense"], CLIENT[0]),
        (["1.1.1.1,"], CLIENT[0]),
        ([""], CLIENT[0]),
        ([], CLIENT[0]),
        (["1.1.1.1, " * 3000 + "203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9" + ", 10.0.0.1" * 31], "203.0.113.9"),
        (["203.0.113.9" + ", 10.0.0.1" * 32], "10.0.0.1"),
    ],
)
async def test_op_09_the_client_is_the_rightmost_that_is_no_proxy_of_ours(lines: list[str], client: str) -> None:
    """Each proxy adds on the right whom it saw; what stands further left was written by a stranger."""
    assert (await seen(*(("X-Forwarded-For", line) for line in lines)))[0] == client


@pytest.mark.parametrize("peer", ["198.51.100.8", "11.0.0.1", "2001:db8:fffe::1", "::ffff:198.51.100.8", "testclient"])
async def test_op_09_a_stranger_is_not_believed(peer: str) -> None:
    """Whoever reaches us past the proxies may write what they like."""
    assert await seen(("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), peer=peer) == (peer, "http")


@pytest.mark.parametrize("peer", ["198.51.100.7", "::ffff:198.51.100.7", "10.255.0.1", "2001:db8:ffff::5"])
async def test_op_09_a_trusted_proxy_is_believed_in_every_form_of_its_address(peer: str) -> None:
    """A server that listens on both protocols sees IPv4 as IPv6."""
    assert await seen(("X-Forwarded-For", "203.0.113.9"), peer=peer) == ("203.0.113.9", "http")


async def test_a_proxy_that_says_nothing_is_the_client_itself() -> None:
    """A load balancer asks for health by itself."""
    assert await seen() == (CLIENT[0], "http")


@pytest.mark.parametrize(
    ("lines", "scheme"),
    [
        (["https"], "https"),
        (["HTTPS"], "https"),
        (["http"], "http"),
        (["http, https"], "https"),
        (["https", "http"], "http"),
        (["https, ftp"], "http"),
        (["wss"], "http"),
        ([""], "http"),
    ],
)
async def test_br_12_the_scheme_is_what_the_nearest_proxy_says(lines: list[str], scheme: str) -> None:
    """The rightmost word of the last line, if it is a scheme of HTTP."""
    assert (await seen(*(("X-Forwarded-Proto", line) for line in lines)))[1] == scheme


async def test_pw_17_an_untrusted_proxy_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """With the setting's name; a line for each request would be a way to fill the log."""
    layer = ClientAddress(Behind(), trusted=())
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            await ask(layer, a_scope(("X-Forwarded-For", f"203.0.113.{number}")))
    (record,) = caplog.records
    assert record.getMessage() == "untrusted_proxy"
    assert vars(record)["address"] == CLIENT[0]
    assert vars(record)["setting"] == "POSTKEEP_TRUSTED_PROXIES"
    assert "203.0.113" not in str(vars(record))


@pytest.mark.parametrize("client", [("203.0.113.9", 0), None], ids=["uvicorn found it", "a socket without address"])
async def test_a_server_that_believes_proxies_itself_is_not_warned_of(
    client: tuple[str, int] | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The plain command of uvicorn believes loopback; nobody has port 0 but whom it put there."""
    await ask(ClientAddress(Behind(), trusted=()), a_scope(("X-Forwarded-For", "203.0.113.9"), client=client))
    assert not caplog.records
