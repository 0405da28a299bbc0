"""A backup's lines: what is written comes back, and nothing else is taken for it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.incoming import MAX_VERSION
from postkeep.domain.posts import MAX_BODY_BYTES, MAX_LINE_BYTES, Text, Title
from postkeep.domain.sessions import SessionStatus
from postkeep.services.archive import Amounts, Kept
from postkeep.services.backup_format import FORMAT, BackupDamaged, Header, line_of, read_line
from tests.builders import MIDNIGHT, a_moment, a_post, a_session, an_account
from tests.strategies import Everything, everything

HEADER = Header("1.0", "0004", MIDNIGHT, Amounts(1, 2, 3))
EXAMPLES = [a_session(status=SessionStatus.ENDED, ended_date=a_moment()), a_post(), an_account()]


@given(found=everything())
def test_what_is_written_comes_back(found: Everything) -> None:
    """Whatever people write: one line each, and no longer than a reader takes."""
    things: list[Kept] = [*found.sessions, *found.posts, *found.accounts]
    for kept in things:
        line = line_of(kept)
        assert line.find(b"\n") == len(line) - 1 < MAX_LINE_BYTES
        # Compared as a truth: pytest would print megabytes.
        assert (read_line(line) == kept) is True


@pytest.mark.parametrize(
    "given",
    [{"version": MAX_VERSION + 1_000_000}, {"text": Text("x" * (MAX_BODY_BYTES - 11)), "title": Title("😀" * 200)}],
    ids=["edited after it was brought in", "edited beside a long title"],
)
def test_whatever_a_server_took_is_read(given: dict[str, Any]) -> None:
    """One post of one person that is refused, and nobody gets back anything of the whole backup."""
    post = a_post(**given)
    assert (read_line(line_of(post)) == post) is True


def test_an_account_s_numbers_for_caches_stay_behind() -> None:
    """They mean nothing in another database."""
    account = an_account(access_version=7, posts_version=9)
    found = read_line(line_of(account))
    assert found == an_account(
        id=account.id, email=account.email, created_date=account.created_date, access_version=1, posts_version=1
    )


def altered(line: bytes) -> list[bytes]:
    """Return lines that say nearly the same."""
    ((kind, values),) = json.loads(line).items()

    def written(kind: str, values: dict[str, Any]) -> bytes:
        return json.dumps({kind: values}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    assert written(kind, values) == line
    wrongs: list[object] = [True, 1.5, [], {}, "", -1]
    others = [written(kind, {name: each for name, each in values.items() if name != left}) for left in values]
    others += [written(kind, {**values, name: wrong}) for name in values for wrong in wrongs]
    others += [written(kind, {**values, name: f" {value}"}) for name, value in values.items() if name.endswith("id")]
    others += [written(kind, {**values, "more": 1}), written("other", values), written(kind, {}), b"[]\n", b"{}\n"]
    others += [line[:-1], line + b"\n", b" " + line, line.replace(b",", b", "), line[:-2] + b"\n", b"\xff" + line]
    others += [b"null\n", b'{"a":1,"b":2}\n', b"", b"\n", b"[" * 1_000_000, b"9" * 10_000, b'{"post":NaN}\n']
    return others


@pytest.mark.parametrize("kept", EXAMPLES)
def test_any_other_line_is_none(kept: Kept) -> None:
    """A member too few or too many, another type or spelling, another byte: nobody of us wrote that."""
    # A text or a title of one character less is a good line of its own, for which there is the checksum.
    for other in altered(line_of(kept)):
        found = read_line(other)
        assert found is None or line_of(found) == other


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("id", "019AA5C8-0000-7000-8000-000000000000"),
        ("created_date", "2026-11-21T00:00:00Z"),
        ("created_date", "2026-11-21T01:00:00.000000+01:00"),
        ("created_date", "2026-11-21T00:00:00.000000"),
        ("status", "lost"),
        ("version", 0),
        ("version", True),
        ("version", 1.0),
        ("version", "1"),
        ("text", " \n"),
        ("text", "a\x00"),
        ("text", "\ud800"),
        ("text", None),
        ("title", ""),
        ("title", "x" * 201),
        ("text", "x" * (1024 * 1024 + 801)),
        ("version", 3 * 2**29 + 1),
        ("created_date", "1969-12-31T23:59:59.999999Z"),
        ("updated_date", "9999-12-31T23:59:59.999999Z"),
        ("account_id", None),
    ],
    ids=lambda each: str(each)[:30],
)
def test_what_no_post_has_is_refused(name: str, wrong: object) -> None:
    """The domain's own rules hold for what a file says, too."""
    refuses(a_post(), name, wrong)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("email_key", ""),
        ("email_key", "ann"),
        ("email_key", "änn@example.com"),
        ("status", "lost"),
        ("posts", -1),
        ("bytes", 2**53 + 1),
        ("created_date", "9001-01-01T00:00:00.000000Z"),
    ],
)
def test_what_no_account_has_is_refused(name: str, wrong: object) -> None:
    """Whatever a server could stumble over later."""
    refuses(an_account(), name, wrong)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("counter", -1),
        ("counter", 3 * 2**29 + 1),
        ("salt", "x"),
        ("status", "lost"),
        ("expires_date", "9999-12-31T23:59:59.999999Z"),
        ("ended_date", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_what_no_session_has_is_refused(name: str, wrong: object) -> None:
    """Whatever a server could stumble over later."""
    refuses(a_session(), name, wrong)


def refuses(kept: Kept, name: str, wrong: object) -> None:
    """See that a line with one wrong value is none, however it is written; and that it is one without."""
    ((kind, values),) = json.loads(line_of(kept)).items()
    wronged = {kind: {**values, name: wrong}}
    line = json.dumps(wronged, ensure_ascii=False, separators=(",", ":")) + "\n"
    assert read_line(line.encode("utf-8", "surrogatepass")) is None
    assert read_line(json.dumps(wronged, separators=(",", ":")).encode() + b"\n") is None
    assert read_line(line_of(kept)) == kept


def test_a_header_comes_back() -> None:
    """Who made it, when, and how much is to come."""
    assert Header.read(HEADER.line()) == HEADER


@given(st.integers(FORMAT + 1, 10**9))
def test_a_newer_format_is_named(newer: int) -> None:
    """Whatever else its header says, which no older release can know."""
    line = json.dumps({"postkeep_backup": {"format": newer, "made_of": "stars"}}).encode()
    with pytest.raises(BackupDamaged, match="newer release"):
        Header.read(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}\n",
        b"SQLite format 3\x00",
        b'{"postkeep_backup":{"format":1}}\n',
        b'{"postkeep_backup":{"format":true}}\n',
        HEADER.line().replace(b'"format":1', b'"format":0'),
        HEADER.line()[:-1],
        HEADER.line().replace(b":1", b": 1"),
        line_of(a_post()),
    ],
    ids=lambda line: f"{len(line)}-bytes",
)
def test_anything_else_is_no_backup(line: bytes) -> None:
    """Said at once, not after reading all of it."""
    with pytest.raises(BackupDamaged, match="not a backup"):
        Header.read(line)


def test_a_date_keeps_its_microseconds() -> None:
    """Ids are made of them, and lists are ordered by them."""
    moment = MIDNIGHT + timedelta(microseconds=1)
    assert b'"created_date":"2026-11-21T00:00:00.000001Z"' in line_of(a_post(created_date=moment))
