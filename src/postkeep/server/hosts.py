"""The names that a server answers to."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

ALWAYS: Final = ("localhost", ".localhost", "testserver")
"""Names that nobody else can have, and what Starlette's test client calls every server."""

ANY: Final = "*"

_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)
_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+?)\.?)(?::[0-9]{0,5})?", re.ASCII)


def parse_names(given: str) -> tuple[str, ...]:
    """Return the names that an operator lists, with commas or spaces between them.

    `.example.com` and `*.example.com` are a domain with all below it; `*` is any name.

    Raises:
        ValueError: One cannot be the name of a host.
    """
    names: list[str] = []
    for word in given.lower().replace(",", " ").split():
        name = word.removeprefix("*") if word.startswith("*.") else word
        if name != ANY and not _NAME.fullmatch(name.removeprefix(".").removesuffix(".")):
            message = "each is a name like example.com, without scheme, port and path; in ASCII, as browsers send it"
            raise ValueError(message)
        names.append(name.removesuffix("."))
    return tuple(names)


class HostNames:
    """Tells whether a Host header means this server."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take the names, beside those that are always good; one with a dot before it is a domain with all below."""
        given = {name.lower() for name in (*ALWAYS, *names)}
        self._names = {name.removeprefix(".") for name in given}
        self._domains = tuple(name for name in given if name.startswith("."))

    def has(self, host: bytes) -> bool:
        """Whether a Host header names this server, or its address, which no other site can give itself.

        The port and a dot at the end of a name say nothing about who is meant. Source: RFC 9110 4.2.3, 7.2.
        """
        found = _HOST.fullmatch(host.decode("latin-1").lower())
        if found is None:
            return False
        name = found[1] or found[2]
        return (found[2] in self._names) or name.endswith(self._domains) or _is_address(name, is_v6=bool(found[1]))


def _is_address(name: str, *, is_v6: bool) -> bool:
    """Whether this is an address as a URL has it: IPv6 in brackets, IPv4 without. Source: RFC 3986 3.2.2."""
    try:
        return (ip_address(name).version == 6) == is_v6  # noqa: PLR2004 - IP's own number
    except ValueError:
        return False
