"""Where a request that changes something comes from: from our own pages, or it is refused."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from postkeep.domain.errors import Forbidden
from postkeep.views.cookies import is_local

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_OWN: Final = frozenset({"same-origin", "none"})
"""`none` is what the user did without any page: another site cannot bring it about."""

_USUAL_PORT: Final = {"http": ":80", "https": ":443"}


class CrossOrigin(Forbidden):
    """A page of another site asked for this, or nobody says that it was one of ours."""

    code = "cross_origin"


class TlsNeeded(Forbidden):
    """Without TLS a browser keeps no session here, unless this is its own machine."""

    code = "tls_needed"


def check_origin(scope: Scope) -> None:
    """Refuse a request that no page of ours sent.

    With this no form needs a token: a browser says itself where a request comes from, in words that no page can
    write; one that says neither gets no further. Source: OWASP Cross-Site Request Forgery Prevention Cheat Sheet
    (Fetch Metadata, with Origin where there is none of that).

    Raises:
        CrossOrigin: It comes from elsewhere, or does not say where from.
    """
    headers = Headers(scope=scope)
    site = headers.get("sec-fetch-site")
    is_own = site in _OWN if site is not None else headers.get("origin") == _own_origin(scope, headers)
    if not is_own:
        raise CrossOrigin


def check_encryption(scope: Scope) -> None:
    """Refuse to let somebody in whose browser would not keep the cookie.

    Its Origin says how it came; our own scheme may be that of the last proxy.

    Raises:
        TlsNeeded: It came without TLS, from another machine.
    """
    if Headers(scope=scope).get("origin", "").startswith("http:") and not is_local(scope):
        raise TlsNeeded


def _own_origin(scope: Scope, headers: Headers) -> str:
    """Return our own origin, as a browser writes it. Source: RFC 6454 6.2 (the usual port is left out)."""
    scheme, host = scope["scheme"], headers.get("host", "").lower()
    return f"{scheme}://{host.removesuffix(_USUAL_PORT[scheme])}"
