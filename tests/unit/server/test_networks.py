"""Addresses and networks, as strangers, servers and operators write them."""

import pytest

from postkeep.server.networks import parse_address, parse_networks


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9\t", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:cb00:7109]:80", "203.0.113.9"),
        ("", None),
        ("unknown", None),
        ("_hidden", None),
        ("localhost", None),
        ("203.0.113.9.example.com", None),
        ("203.0.113.256", None),
        ("203.0.113.09", None),
        ("203.0.113", None),
        ("3405803785", None),
        ("203.0.113.9:", None),
        ("203.0.113.9:123456", None),
        ("203.0.113.9 198.51.100.1", None),
        ("[2001:db8::1", None),
        ("2001:db8::1]", None),
        ("[2001:db8::1]:x", None),
        ("2001:db8:::1", None),
        ("fe80::1%eth0", None),
        ("\u0661.2.3.4", None),
        ("1" * 100_000, None),
    ],
)
def test_op_09_an_address_is_read_in_every_form_that_proxies_write(written: str, address: str | None) -> None:
    """With a port or without; what is none must never become a client's name."""
    found = parse_address(written)
    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize("given", ["127.0.0.1,10.0.0.0/8,2001:db8::/32", " 127.0.0.1  10.0.0.0/8, 2001:db8::/32 ,"])
def test_networks_are_listed_with_commas_or_spaces(given: str) -> None:
    """An address is a network of one."""
    assert [str(network) for network in parse_networks(given)] == ["127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    "given", ["*", "10.0.0.1, *", "0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy", "10.0.0.0/33", "10.0.0.0-10.0.0.9"]
)
def test_op_09_everybody_is_no_network(given: str) -> None:
    """Whoever believes everybody believes what a stranger says of itself; a slip of the pen is no network either."""
    with pytest.raises(ValueError, match=r"own proxies|each is an address"):
        parse_networks(given)
