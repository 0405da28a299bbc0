"""Where a browser is led to: nowhere but here."""

import re
from typing import Final

_OWN: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", re.ASCII)
_LONGEST: Final = 500


def own_path(given: str) -> str:
    r"""Return a path of this server as it was given, or the first page's for anything else.

    `//evil.example` and `/\evil.example` are another server's. Source: WHATWG URL Standard, 4.4 (basic URL parser).
    """
    return given if len(given) <= _LONGEST and _OWN.fullmatch(given) else "/"
