"""Forms as browsers send them, read."""

import time
import tracemalloc
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.controllers.errors import FormInvalid
from postkeep.controllers.route import MAX_FORM_FIELDS
from postkeep.controllers.web import form_reading
from postkeep.controllers.web.form_reading import parse_form
from postkeep.domain.posts import MAX_BODY_BYTES
from postkeep.views.forms import MAX_DECODED_BYTES, MAX_WRITING_BYTES, TextTooLong

texts = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: text.replace("\r", ""))


@given(texts)
def test_what_was_typed_is_read(text: str) -> None:
    """Whatever it is, and beside another field."""
    entered = parse_form(urlencode({"title": "a=b&c", "text": text}).encode())
    assert (entered["title"], entered["text"]) == ("a=b&c", text)


@given(st.text(st.sampled_from("ab=+%4D0dgé\r\n_ "), max_size=12), st.sampled_from([1, 3, 2**16]))
def test_escapes_mean_what_they_mean_to_others(written: str, at_once: int) -> None:
    """The standard library reads them the same, wherever a piece ends; what is no escape stays."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(form_reading, "_READ_AT_ONCE", at_once)
        _compare(written)


def _compare(written: str) -> None:
    """Read the same in both ways."""
    try:
        said = parse_qsl(f"text={written}", keep_blank_values=True, errors="strict")[0][1]
    except UnicodeDecodeError:
        with pytest.raises(FormInvalid):
            parse_form(f"text={written}".encode())
    else:
        assert parse_form(f"text={written}".encode())["text"] == said.replace("\r\n", "\n")


@pytest.mark.parametrize("body", [b"a=1&a=2", b"a=%ff", b"\xff=1", b"&" * MAX_FORM_FIELDS])
def test_what_is_no_form_of_ours_is_refused(body: bytes) -> None:
    """Twice the same, not UTF-8, or too much."""
    with pytest.raises(FormInvalid):
        parse_form(body)


@pytest.mark.parametrize("piece", [b"%41", b"%41a", b"+%41", b"%D0%B0", b"%%41", b"%4", b"a"])
def test_a_form_takes_no_more_room_than_some_of_its_size(piece: bytes) -> None:
    """Anybody may send megabytes of escapes, which the standard library makes as many objects of."""
    body = b"text=" + piece * (64 * 1024 // len(piece))
    tracemalloc.start()
    try:
        parse_form(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 * len(body)


@pytest.mark.parametrize("piece", [b"%41a", b"%0D%0A", b"%4", b"="])
def test_a_long_form_is_read_in_no_time(piece: bytes) -> None:
    """Everybody's large forms wait for it: it takes a part of what the standard library takes for escapes."""
    escapes = b"%41a" * (MAX_BODY_BYTES // 2)
    begun = time.thread_time()
    unquote_to_bytes(escapes)
    theirs, begun = time.thread_time() - begun, time.thread_time()
    parse_form(b"text=" + piece * (MAX_BODY_BYTES // 2))
    assert time.thread_time() - begun < theirs


@pytest.mark.parametrize("field", ["text", "title", "anything"])
@pytest.mark.parametrize("piece", ["x", "%41", "%D0%B0", "%0D%0A"])
def test_what_says_much_more_than_a_post_may_is_not_read(piece: str, field: str) -> None:
    """Whatever is refused comes back in the page, five times as long if it is all quotes: nobody gets megabytes."""
    length = len(piece.encode()) // len(parse_form(f"text={piece}".encode())["text"].encode())
    most = MAX_DECODED_BYTES - len(field)
    number = most * length // len(piece)
    said = parse_form(f"{field}={piece * number}".encode())[field]
    assert MAX_BODY_BYTES < len(said.encode()) <= most
    with pytest.raises(TextTooLong):
        parse_form(f"{field}={piece * (number + 1)}".encode())


@pytest.mark.parametrize("piece", [b'"', b"%41a"])
def test_a_form_full_of_text_is_not_even_copied(piece: bytes) -> None:
    """One letter from beyond the first 65,536 would make four bytes of each; escapes would take seconds."""
    body = b"text=" + "\U0001d4b3".encode() + piece * (MAX_WRITING_BYTES // len(piece) - 9)
    tracemalloc.start()
    try:
        with pytest.raises(TextTooLong):
            parse_form(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(body)
