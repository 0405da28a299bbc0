"""Addresses as proxies write them, and networks as operators do."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_WRITTEN: Final = re.compile(
    r"(?P<v4>[0-9.]+)(?::[0-9]{1,5})?|\[(?P<bracketed>[0-9a-f:.]+)\](?::[0-9]{1,5})?|(?P<v6>[0-9a-f:.]+)",
    re.IGNORECASE | re.ASCII,
)


def parse_address(written: str) -> Address | None:
    """Return the address that somebody wrote, with or without a port; None if it is none.

    Source: RFC 4291 2.5.5.2 (an IPv4 address in the form of IPv6 is the IPv4 address that it is).
    """
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        return None
    try:
        address = ip_address(found["v4"] or found["bracketed"] or found["v6"])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def parse_networks(given: str) -> tuple[Network, ...]:
    """Return the networks that an operator lists, with commas or spaces between them; an address is a small one.

    Raises:
        ValueError: One is no network, or it is everybody's.
    """
    networks: list[Network] = []
    for word in given.replace(",", " ").split():
        if word == "*":
            message = "* would believe whatever any client says of itself; list the addresses of your own proxies"
            raise ValueError(message)
        try:
            network = ip_network(word)
        except ValueError:
            message = "each is an address, or a network like 10.0.0.0/8 with no bit set behind its length"
            raise ValueError(message) from None
        if network.prefixlen == 0:
            message = "a network of length 0 is everybody, who would be believed; list your own proxies"
            raise ValueError(message)
        networks.append(network)
    return tuple(networks)
