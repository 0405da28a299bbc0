"""Whose pages may read answers, and what browsers are told about it."""

import pytest
from starlette.types import Message

from postkeep.server.cors import Cors
from postkeep.server.origins import parse_origins
from postkeep.server.whole_answer import EXTENSION
from tests.unit.server.asgi import Behind, a_scope, ask, headers_of

APP = "https://app.example.com"
EVIL = [
    *("https://evil.example", "null", "", "*", "http://app.example.com", f"{APP}:444", f"{APP}.evil.example"),
    *(f"{APP}/", APP.upper(), f"{APP}, {APP}", f" {APP}"),
]
ASKING = ("Access-Control-Request-Method", "DELETE")


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("", ()),
        (f"{APP}, http://localhost:5173", (APP, "http://localhost:5173")),
        ("HTTPS://App.Example.com:443 http://a:80 http://a:443", (APP, "http://a", "http://a:443")),
        ("http://[::1]:3000", ("http://[::1]:3000",)),
    ],
)
def test_br_14_origins_are_listed_as_browsers_write_them(given: str, origins: tuple[str, ...]) -> None:
    """In lower case and without the usual port, or they would match no page."""
    assert parse_origins(given) == origins


@pytest.mark.parametrize("given", ["*", "null", f"{APP} *", f"{APP},NULL"])
def test_br_14_everybody_is_no_origin(given: str) -> None:
    """`null` is what any page in a sandbox says of itself; the refusal says why."""
    with pytest.raises(ValueError, match="means anybody's pages"):
        parse_origins(given)


@pytest.mark.parametrize("given", [f"{APP}/", f"{APP}/x", "app.example.com", "https://*.example.com", "ftp://a"])
def test_br_14_what_is_no_origin_is_refused_at_the_start(given: str) -> None:
    """It would match no page, and its operator would not know why."""
    with pytest.raises(ValueError, match="each is an origin"):
        parse_origins(given)


async def test_br_14_a_page_of_ours_may_read_the_answer() -> None:
    """And the headers that a client needs; a browser would send no cookie, and there is none to send."""
    behind = Behind()
    start, _ = await ask(Cors(behind, origins=[APP]), a_scope(("Origin", APP)))
    headers = headers_of(start)
    assert ("access-control-allow-origin", APP) in headers
    assert ("vary", "Origin") in headers
    exposed = dict(headers)["access-control-expose-headers"].split(", ")
    assert set(exposed) == {"ETag", "Link", "Location", "Retry-After", "X-Request-ID", "Cache-Status"}
    assert "access-control-allow-credentials" not in dict(headers)


@pytest.mark.parametrize("origin", EVIL)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_br_14_a_stranger_s_page_is_told_nothing(origin: str, method: str) -> None:
    """Its request goes on as if there were no CORS; a preflight finds no such method, and no allow header."""
    behind = Behind()
    start, _ = await ask(Cors(behind, origins=[APP]), a_scope(("Origin", origin), ASKING, method=method))
    assert headers_of(start) == [("etag", '"a"'), ("vary", "Origin")]
    assert len(behind.scopes) == 1


async def test_br_14_a_preflight_of_ours_is_answered_at_the_door() -> None:
    """With what may be sent, and the headers that every answer has."""
    behind = Behind()
    start, body = await ask(Cors(behind, origins=[APP]), a_scope(("Origin", APP), ASKING, method="OPTIONS"))
    headers = dict(headers_of(start))
    assert (start["status"], body["body"], behind.scopes) == (204, b"", [])
    assert headers["access-control-allow-origin"] == APP
    assert set(headers["access-control-allow-methods"].split(", ")) == {
        *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
    }
    assert {"Authorization", "Content-Type", "If-None-Match", "If-Match", "Idempotency-Key", "X-Request-ID"} == set(
        headers["access-control-allow-headers"].split(", ")
    )
    assert int(headers["access-control-max-age"]) > 0
    assert headers["x-content-type-options"] == "nosniff"


async def test_options_without_a_question_is_no_preflight() -> None:
    """The application says what it says to any other OPTIONS."""
    behind = Behind()
    await ask(Cors(behind, origins=[APP]), a_scope(("Origin", APP), method="OPTIONS"))
    assert len(behind.scopes) == 1


async def test_br_14_an_answer_that_comes_whole_says_it_too() -> None:
    """As lists from memory do; what is prepared is the same for everybody, so this is added."""
    prepared: list[Message] = [{"type": EXTENSION, "status": 200, "headers": [], "prepared": None, "body": b""}]
    (message,) = await ask(Cors(Behind(prepared), origins=[APP]), a_scope(("Origin", APP)))
    assert ("access-control-allow-origin", APP) in headers_of(message)
    (message,) = await ask(Cors(Behind(prepared), origins=[APP]), a_scope())
    assert headers_of(message) == [("vary", "Origin")]


async def test_other_protocols_pass() -> None:
    """The lifespan has no headers."""
    behind = Behind(())
    await ask(Cors(behind, origins=[APP]), {"type": "lifespan"})
    assert behind.scopes == [{"type": "lifespan"}]
