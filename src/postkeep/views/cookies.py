"""The cookies of the pages: how they are called, set and read."""

import re
from collections.abc import Mapping
from typing import Final

from starlette.types import Scope

from postkeep.domain.errors import Invalid

MAX_VALUE_LENGTH: Final = 200
"""More characters than any cookie of ours has."""

_LOCAL: Final = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])\.?(?::[0-9]{0,5})?", re.IGNORECASE)


class CookieInvalid(Invalid):
    """A cookie of this site came twice, or is longer than any that this site gives out."""

    code = "cookie_invalid"
    field = "header.cookie"


def is_local(scope: Scope) -> bool:
    """Whether a request came without TLS to this very machine, which is as safe, by a name that nobody else has."""
    return scope["scheme"] == "http" and any(
        name == b"host" and _LOCAL.fullmatch(value) is not None for name, value in scope["headers"]
    )


def session_cookie_name(scope: Scope) -> str:
    """Return how the session's cookie is called.

    A browser takes `__Host-` from this very host only, by TLS only, and for all its paths. On http://localhost, where
    some browsers take nothing that is `Secure`, it goes without. Source: RFC 6265bis 4.1.3.
    """
    return "postkeep" if is_local(scope) else "__Host-postkeep"


def set_cookie(scope: Scope, name: str, value: str, *, seconds: int) -> str:
    """Return the Set-Cookie header that has a browser hold a value for so long; for 0 seconds to forget it.

    Source: OWASP ASVS 5.0 3.3.1 to 3.3.4.
    """
    secure = "; Secure" if not is_local(scope) and (scope["scheme"] == "https" or name.startswith("__Host-")) else ""
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def read_cookie(scope: Scope, name: str) -> str:
    """Return a cookie's value, or nothing where it did not come.

    Raises:
        CookieInvalid: It came twice, which no browser does with ours, or it is none that we gave out.
    """
    values = _cookies(scope).get(name, ())
    if len(values) > 1 or any(len(value) > MAX_VALUE_LENGTH for value in values):
        raise CookieInvalid
    return values[0] if values else ""


def _cookies(scope: Scope) -> Mapping[str, list[str]]:
    """Return all cookies of a request by name, read once for all who ask. Source: RFC 6265 5.4."""
    state = scope["state"]
    if "cookies" not in state:
        state["cookies"] = _read(scope)
    cookies: Mapping[str, list[str]] = state["cookies"]
    return cookies


def _read(scope: Scope) -> dict[str, list[str]]:
    """Read all cookies of a request."""
    cookies: dict[str, list[str]] = {}
    for header, value in scope["headers"]:
        if header == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                name, _, given = pair.partition("=")
                cookies.setdefault(name.strip(), []).append(given.strip())
    return cookies
