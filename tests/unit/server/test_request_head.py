"""What a head must be; every case on the wire stands in tests/e2e/wire_table.py."""

import json
from pathlib import Path

import pytest

from postkeep.server.refusals import Refusal
from postkeep.server.request_head import ALLOWED_SOMEWHERE, is_authority, origin_form

PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "value",
    [b"a", b"a.example", b"a.example.", b"A-1_b~c", b"a:80", b"a:", b"127.0.0.1:8000", b"[::1]", b"[::1]:80", b"a%41"],
)
def test_a_host_may_be_a_name_or_an_address(value: bytes) -> None:
    """RFC 3986 3.2.2; names that nobody trusts are refused elsewhere."""
    assert is_authority(value)


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b":80", b"a b", b"a/b", b"a?b", b"a#b", b"u@a", b"a:b", b"a:123456", b"[::1", b"::1", b"[g]", b"a%4"),
        *(b"a%zz", b"a\n", b"\xe9", b"a\\b", b'a"', b"<a>", b"a" * 8001),
    ],
)
def test_a_host_is_nothing_else(value: bytes) -> None:
    """What a proxy and we might read differently."""
    assert not is_authority(value)


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        (b"http://a/b?c", b"/b?c", b"a"),
        (b"HTTPS://a:1/b", b"/b", b"a:1"),
        (b"http://a", b"/", b"a"),
        (b"http://a?b", b"/?b", b"a"),
        (b"http://a//b", b"//b", b"a"),
    ],
)
def test_an_address_takes_the_place_of_the_host(target: bytes, path: bytes, host: bytes) -> None:
    """RFC 9112 3.2.2: so nobody can say one thing to a proxy and another one to us."""
    headers = [(b"x", b"y"), (b"host", b"other"), (b"z", b"")]
    assert origin_form(target, b"GET", headers) == path
    assert headers == [(b"x", b"y"), (b"host", host), (b"z", b"")]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        (b"GET", b"*", 400),
        (b"GET", b"", 400),
        (b"GET", b"ftp://a/b", 400),
        (b"GET", b"http:///b", 400),
        (b"GET", b"http://u@a/b", 400),
        (b"GET", b"a:80", 400),
        (b"OPTIONS", b"*", 405),
        (b"CONNECT", b"a:80", 405),
    ],
)
def test_a_target_that_means_no_path_is_refused(method: bytes, target: bytes, status: int) -> None:
    """Rather than being taken for one."""
    with pytest.raises(Refusal) as refused:
        origin_form(target, method, [(b"host", b"a")])
    assert refused.value.status == status


def test_sz_24_what_is_allowed_somewhere_is_what_the_api_has() -> None:
    """The protocol does not know the routes, so this list must not fall behind."""
    described = json.loads((PROJECT / "docs/openapi.json").read_text("utf-8"))["paths"].values()
    methods = {method.upper() for path in described for method in path} | {"HEAD"}
    assert ALLOWED_SOMEWHERE.split(", ") == sorted(methods)
