"""Anything that may be kept, for tests that try many things."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import strategies as st

from postkeep.domain.accounts import EMAIL_MAX_LENGTH, Account, AccountId, AccountStatus, Email
from postkeep.domain.posts import MAX_BODY_BYTES, TITLE_MAX_LENGTH, Post, PostId, Status, Text, Title
from postkeep.domain.sessions import (
    ADDRESS_MAX_LENGTH,
    DEVICE_MAX_LENGTH,
    SALT_BYTES,
    Origin,
    Session,
    SessionId,
    SessionStatus,
)

_LONG_BYTES = MAX_BODY_BYTES - 100

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
EDGES = st.sampled_from(["\U0010ffff", "😀", "é", "e\u0301", '"\\', "\x01\x1f\x7f", "a\r\nb\u2028c\x85d", " a ", "a\t"])
LONG = st.sampled_from(["a", "\x01", "😀", '"', "\n"]).map(
    lambda each: "x" + each * ((MAX_BODY_BYTES - 100) // len(each.encode()))
)

ids = st.uuids()
moments = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - strategies add the zone themselves


def _texts(longest: int) -> st.SearchStrategy[str]:
    """Return texts with something to see in them."""
    return st.one_of(EDGES, st.text(CHARACTERS, min_size=1, max_size=longest)).filter(lambda text: not text.isspace())


def _printable(longest: int) -> st.SearchStrategy[str]:
    """Return what clients say of themselves."""
    return st.text(CHARACTERS.filter(str.isprintable), max_size=longest)


@dataclass(frozen=True)
class Everything:
    """What a database holds, each kind in its key's order."""

    sessions: list[Session]
    posts: list[Post]
    accounts: list[Account]


@st.composite
def an_account_of(draw: st.DrawFn, account_id: UUID) -> Account:
    """Return an account with this id."""
    return Account(
        id=AccountId(account_id),
        email=Email(
            # Told apart by the key, which the id makes different.
            address=draw(_texts(EMAIL_MAX_LENGTH)),
            key=f"{draw(st.text('abc.@-', max_size=20))}@{account_id}",
        ),
        password_hash=draw(st.text(st.characters(codec="ascii", exclude_characters="\x00"), min_size=1, max_size=255)),
        status=draw(st.sampled_from(AccountStatus)),
        created_date=draw(moments),
    )


@st.composite
def a_session_of(draw: st.DrawFn, account_id: UUID, session_id: UUID) -> Session:
    """Return a session of an account."""
    status = draw(st.sampled_from(SessionStatus))
    return Session(
        id=SessionId(session_id),
        account_id=AccountId(account_id),
        salt=draw(st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES)),
        counter=draw(st.integers(1, 2**30)),
        status=status,
        origin=Origin(draw(_printable(DEVICE_MAX_LENGTH)), draw(_printable(ADDRESS_MAX_LENGTH))),
        created_date=draw(moments),
        refreshed_date=draw(moments),
        expires_date=draw(moments),
        ended_date=draw(moments) if status is SessionStatus.ENDED else None,
    )


@st.composite
def a_post_of(draw: st.DrawFn, account_id: UUID, post_id: UUID, *, long: bool = True) -> Post:
    """Return a post of an account; one in ten has a megabyte."""
    is_long = long and draw(st.integers(0, 9)) == 0
    return Post(
        id=PostId(post_id),
        author=AccountId(account_id),
        text=Text(draw(LONG if is_long else _texts(300))),
        title=draw(st.none() | _texts(TITLE_MAX_LENGTH).map(Title)),
        status=draw(st.sampled_from(Status)),
        version=draw(st.integers(1, 2**30)),
        created_date=draw(moments),
        updated_date=draw(moments),
    )


@st.composite
def everything(draw: st.DrawFn) -> Everything:
    """Return accounts with their sessions and posts."""
    owners = sorted(draw(st.lists(ids, unique=True, max_size=4)))
    # A session's id is its own; a post's only together with its account's.
    session_ids = draw(st.lists(ids, unique=True, max_size=2 * len(owners)))
    found = Everything([], [], [])
    for owner in owners:
        mine = sorted(session_ids.pop() for _ in range(min(len(session_ids), draw(st.integers(0, 2)))))
        found.sessions.extend(draw(a_session_of(owner, session_id)) for session_id in mine)
        post_ids = sorted(draw(st.lists(ids, unique=True, max_size=4)))
        posts = [draw(a_post_of(owner, post_id)) for post_id in post_ids]
        found.posts.extend(posts)
        account = draw(an_account_of(owner))
        found.accounts.append(replace(account, posts=len(posts), bytes=sum(post.bytes for post in posts)))
    return found
