"""Where a request that changes something comes from (docs/cases.md, BR-02)."""

import pytest
from starlette.types import Scope

from postkeep.controllers.web.origins import CrossOrigin, TlsNeeded, check_encryption, check_origin
from tests.unit.server.asgi import a_scope

HOST = ("Host", "posts.example")


def is_own(*headers: tuple[str, str], scheme: str = "https") -> bool:
    """Whether a form with these headers is one of our own pages."""
    try:
        check_origin(a_scope(*headers, scheme=scheme, method="POST"))
    except CrossOrigin:
        return False
    return True


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("same-origin", True),
        ("none", True),
        ("same-site", False),
        ("cross-site", False),
        ("", False),
        ("SAME-ORIGIN", False),
        ("same-origin, cross-site", False),
    ],
)
def test_br_02_what_the_browser_says_of_the_site_counts(site: str, *, expected: bool) -> None:
    """Whatever Origin says beside it."""
    for origin in ("https://posts.example", "https://evil.example"):
        assert is_own(HOST, ("Sec-Fetch-Site", site), ("Origin", origin)) is expected


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "expected"),
    [
        ("https", "posts.example", "https://posts.example", True),
        ("https", "POSTS.example", "https://posts.example", True),
        ("https", "posts.example:443", "https://posts.example", True),
        ("http", "posts.example:80", "http://posts.example", True),
        ("https", "posts.example:8443", "https://posts.example:8443", True),
        ("https", "[::1]:8443", "https://[::1]:8443", True),
        ("https", "posts.example", "http://posts.example", False),
        ("http", "posts.example", "https://posts.example", False),
        ("http", "posts.example:443", "http://posts.example", False),
        ("https", "posts.example:8443", "https://posts.example", False),
        ("https", "posts.example", "https://posts.example:8443", False),
        ("https", "posts.example", "https://posts.example.evil.example", False),
        ("https", "posts.example", "https://evil.example/posts.example", False),
        ("https", "posts.example", "null", False),
        ("https", "posts.example", "", False),
    ],
)
def test_br_02_an_older_browser_s_origin_is_ours_to_the_letter(
    scheme: str, host: str, origin: str, *, expected: bool
) -> None:
    """Scheme, host and port, the usual port left out."""
    assert is_own(("Host", host), ("Origin", origin), scheme=scheme) is expected


def test_br_02_who_says_nothing_is_refused() -> None:
    """No browser that can log in is so old."""
    assert not is_own(HOST)
    assert not is_own()


def _let_in(host: str, *origin: tuple[str, str], scheme: str = "http") -> bool:
    scope: Scope = a_scope(("Host", host), *origin, scheme=scheme)
    try:
        check_encryption(scope)
    except TlsNeeded:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("posts.example", "http://posts.example", False),
        ("192.0.2.7:8000", "http://192.0.2.7:8000", False),
        ("localhost.evil.example", "http://localhost.evil.example", False),
        ("localhost:8000", "http://localhost:8000", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("posts.example", "https://posts.example", True),
    ],
)
def test_without_tls_only_this_very_machine_is_let_in(host: str, origin: str, *, expected: bool) -> None:
    """A browser says by Origin how it came; the last proxy may speak http with us all the same."""
    assert _let_in(host, ("Origin", origin)) is expected


def test_who_names_no_origin_is_taken_by_the_rest() -> None:
    """Some browsers send none with a form of our own."""
    assert _let_in("posts.example")
