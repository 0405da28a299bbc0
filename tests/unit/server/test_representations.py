"""The forms of a list: which one a client takes, what it is called, and that it is the same list."""

import gzip
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.server.representations import COMPRESSED_FROM, Loaded, coding_for

HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", b"999"),
    (b"vary", b"Authorization"),
    (b"cache-control", b"private, no-cache"),
    (b"link", b'</getPosts?limit=1>; rel="next"'),
]


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        (None, "identity"),
        (b"", "identity"),
        (b"gzip", "gzip"),
        (b"GZip", "gzip"),
        (b"x-gzip", "gzip"),
        (b"identity", "identity"),
        (b"br", "identity"),
        (b"gzip, deflate, br, zstd", "gzip"),
        (b"br;q=1.0, gzip;q=0.001", "gzip"),
        (b"gzip;q=0", "identity"),
        (b"gzip;q=0.000", "identity"),
        (b"gzip; q=0.5", "gzip"),
        (b"gzip ;\tq=1", "gzip"),
        (b"gzip;Q=0", "identity"),
        (b"*", "gzip"),
        (b"*;q=0", "identity"),
        (b"*;q=0, gzip", "gzip"),
        (b"gzip;q=0, *", "identity"),
        (b"identity;q=0, gzip;q=0", "identity"),
        (b"identity;q=0, *;q=0", "identity"),
        (b"identity;q=0.5, gzip;q=1", "gzip"),
        (b"identity;q=1, gzip;q=0.5", "identity"),
        (b"identity, gzip", "gzip"),
        (b"identity;q=0.5, gzip;q=0.4, *;q=1", "identity"),
        (b"gzip;q=2", "identity"),
        (b"gzip;q=-1", "identity"),
        (b"gzip;q=0.0001", "identity"),
        (b"gzip;q=", "identity"),
        (b"gzip;x=1", "identity"),
        (b"gzipx", "identity"),
        (b",,gzip,,", "gzip"),
        (b"\xff\xfe, gzip", "gzip"),
        (b"br, " * 100 + b"gzip", "gzip"),
    ],
)
def test_the_coding_is_one_that_the_client_takes(accept_encoding: bytes | None, coding: str) -> None:
    """Compressed where both are as welcome; plain where nothing was said that can be understood."""
    assert coding_for(accept_encoding) == coding


def test_a_list_of_codings_without_end_is_not_looked_at() -> None:
    """It would cost more than all the rest of a hit, and everybody can read what is not compressed."""
    assert coding_for(b"gzip, " * 1000) == "identity"


@given(st.binary(max_size=200))
def test_no_bytes_make_an_error_of_a_header(value: bytes) -> None:
    """Clients send anything."""
    assert coding_for(value) in {"identity", "gzip"}


@pytest.mark.parametrize("size", [2, COMPRESSED_FROM - 1, COMPRESSED_FROM, 70_000, 2_000_000])
async def test_both_forms_are_the_same_list(size: int) -> None:
    """However long it is; a short one is not compressed, and every form has a name of its own."""
    body = (b'["%d"]' % size) * size
    loaded = Loaded(HEADERS, body[:size])
    plain, packed = await loaded.representation("identity"), await loaded.representation("gzip")
    assert plain.body == body[:size]
    is_packed = size >= COMPRESSED_FROM
    assert (gzip.decompress(packed.body) if is_packed else packed.body) == body[:size]
    assert (plain.etag == packed.etag) == (not is_packed)
    assert ((b"content-encoding", b"gzip") in packed.headers) == is_packed
    assert (b"content-encoding", b"gzip") not in plain.headers
    for made in (plain, packed):
        headers = dict(made.headers)
        assert len(headers) == len(made.headers)
        assert headers[b"content-length"] == b"%d" % len(made.body)
        assert headers[b"vary"] == b"Authorization, Accept-Encoding"
        assert headers[b"link"] == HEADERS[-1][1]
        assert made.size >= len(made.body)


async def test_a_form_is_made_once() -> None:
    """Compressing costs more than anything else of an answer."""
    loaded = Loaded(HEADERS, b"x" * 100_000)
    for coding in ("identity", "gzip"):
        made = [await loaded.representation(coding) for _ in range(3)]
        assert all(first is second for first, second in pairwise(made))


async def test_the_same_list_is_the_same_bytes_wherever_it_is_made() -> None:
    """A strong tag promises that, on every worker and at any time."""
    first, second = [await Loaded(HEADERS, b"x" * 5000).representation("gzip") for _ in range(2)]
    assert (first.body, first.etag, first.headers) == (second.body, second.etag, second.headers)
