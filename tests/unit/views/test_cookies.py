"""The cookies of a request: read once, whoever asks for which."""

from collections.abc import Iterator

import pytest
from starlette.types import Scope

from postkeep.views.cookies import CookieInvalid, read_cookie


class CountedHeaders(list[tuple[bytes, bytes]]):
    """Headers that know how often they were gone through.

    Attributes:
        times: So often.
    """

    times = 0

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Go through them."""
        self.times += 1
        return super().__iter__()


def asked_with(*values: bytes) -> Scope:
    """Return a request with these Cookie headers."""
    headers = CountedHeaders((b"cookie", value) for value in values)
    return {"type": "http", "headers": headers, "state": {}}


@pytest.mark.parametrize(
    ("sent", "value"),
    [(b"a=1; b=2", "1"), (b"b=2;a=1", "1"), (b" a = 1 ", "1"), (b"a=1=2", "1=2"), (b"a", ""), (b"aa=1", ""), (b"", "")],
)
def test_a_cookie_has_its_name_s_value(sent: bytes, value: str) -> None:
    """Source: RFC 6265 5.4."""
    assert read_cookie(asked_with(sent), "a") == value


@pytest.mark.parametrize("sent", [(b"a=1; a=1",), (b"a=1", b"a=2"), (b"a=" + b"x" * 201,)])
def test_a_cookie_that_browsers_do_not_send_is_refused_each_time(sent: tuple[bytes, ...]) -> None:
    """Taking either of two would be a guess; whatever else is in the header is nobody's affair."""
    scope = asked_with(*sent)
    for _ in range(2):
        with pytest.raises(CookieInvalid):
            read_cookie(scope, "a")
        assert read_cookie(scope, "b") == ""


def test_cookies_are_read_once_for_each_request() -> None:
    """A page asks for three of them, and thousands may have come."""
    scope = asked_with(b"a=1; b=2; " + b"c=;" * 2000)
    assert [read_cookie(scope, name) for name in ("a", "b", "d")] == ["1", "2", ""]
    assert scope["headers"].times == 1
