"""Origins of pages, as browsers write them."""

import re
from typing import Final

_ORIGIN: Final = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII)
_USUAL: Final = {"http": "80", "https": "443"}


def parse_origins(given: str) -> tuple[str, ...]:
    """Return the origins that an operator lists, with commas or spaces between them, as browsers write them.

    Raises:
        ValueError: One is no origin, or means more than one.

    Source: RFC 6454 6.2 (an origin's usual port is left out).
    """
    origins: list[str] = []
    for word in given.lower().replace(",", " ").split():
        if word in {"*", "null"}:
            message = f"{word} means anybody's pages; list the origins of your own"
            raise ValueError(message)
        found = _ORIGIN.fullmatch(word)
        if found is None:
            message = "each is an origin like https://app.example.com or http://localhost:5173, without a path"
            raise ValueError(message)
        scheme, host, port = found.groups()
        origins.append(f"{scheme}://{host}" if port in {None, _USUAL[scheme]} else f"{scheme}://{host}:{port}")
    return tuple(origins)
