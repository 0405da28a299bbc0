"""Forms with a file as browsers send them, read piece by piece."""

from collections.abc import Iterator, Sequence

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from postkeep.controllers.errors import FormInvalid, MediaTypeUnsupported
from postkeep.controllers.web.file_forms import FileForm
from postkeep.views.bodies import MAX_SMALL_BODY_BYTES

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
END = f"--{BOUNDARY}--\r\n".encode()


def part(name: str, content: bytes, *more: str) -> bytes:
    """Write a part of a form as a browser does."""
    head = "\r\n".join([f'Content-Disposition: form-data; name="{name}"', *more])
    return b"--%b\r\n%b\r\n\r\n%b\r\n" % (BOUNDARY.encode(), head.encode(), content)


async def read(
    pieces: Sequence[bytes], kind: str = f"multipart/form-data; boundary={BOUNDARY}"
) -> tuple[bytes, dict[str, str]]:
    """Read a form that comes in pieces: what is in the file, and what was typed."""
    coming = _coming(pieces)

    async def receive() -> Message:
        return next(coming)

    headers = [(b"content-type", kind.encode())]
    form = FileForm(Request({"type": "http", "method": "POST", "headers": headers}, receive))
    content = b"".join([given async for given in form.content()])
    return content, form.fields


def _coming(pieces: Sequence[bytes]) -> Iterator[Message]:
    yield from ({"type": "http.request", "body": piece, "more_body": True} for piece in pieces)
    yield {"type": "http.request", "body": b"", "more_body": False}


@given(st.binary() | st.text(st.sampled_from(f"\r\n-{BOUNDARY[:6]}")).map(str.encode), st.integers(1, 80))
async def test_a_file_is_read_as_it_is(content: bytes, size: int) -> None:
    """Byte for byte, however it is cut on the way, and whatever in it looks like the end of it."""
    body = part("account", b"ann") + part("file", content, "Content-Type: application/zip") + END
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert await read(pieces) == (content, {"account": "ann"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing of the kind",
        END,
        part("account", b"ann") + END,
        part("file", b"cut off"),
        part("file", b"one") + part("file", b"two") + END,
        part("account", b"one") + part("account", b"two") + part("file", b"") + END,
        part("account", b"\xff") + part("file", b"") + END,
        f"--{BOUNDARY}\r\n\r\nno name\r\n".encode() + END,
        part("x\xe9", b"").decode().encode("latin-1") + part("file", b"") + END,
        part("file", b"", *(f"X-{number}: x" for number in range(20))) + END,
        part("file", b"", f"X: {'x' * 8192}") + END,
    ],
)
async def test_what_is_no_form_of_ours_is_refused(body: bytes) -> None:
    """Cut off, without a file, or with one thing twice."""
    with pytest.raises(FormInvalid):
        await read([body])


@pytest.mark.parametrize(
    "body",
    [
        part("account", b"x" * MAX_SMALL_BODY_BYTES),
        b"".join(part(f"{number}", b"") for number in range(400)),
        b"\r\n" * MAX_SMALL_BODY_BYTES,
        part("file", b"a file") + END + b"x" * MAX_SMALL_BODY_BYTES,
    ],
)
async def test_sz_26_what_is_no_file_is_no_more_than_in_other_forms(body: bytes) -> None:
    """Only the file waits on the disk; all else would be in memory, or be read for nothing."""
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    with pytest.raises(FormInvalid):
        await read([*pieces, part("file", b"") + END])


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/zip",
        "multipart/form-data",
        "multipart/mixed; boundary=x",
        f"multipart/form-data; boundary={'x' * 71}",
    ],
)
async def test_another_kind_is_refused(kind: str) -> None:
    """Without knowing what stands between its parts, nobody can read it."""
    with pytest.raises(MediaTypeUnsupported):
        await read([END], kind)
