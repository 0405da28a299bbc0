"""Things to test with, each valid by itself; say only what matters to the test."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from postkeep.domain.accounts import Account, AccountId, Email
from postkeep.domain.ids import new_id
from postkeep.domain.posts import Post, Status, Text, Title
from postkeep.domain.sessions import SALT_BYTES, Origin, Session

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)

_numbers = itertools.count(1)


def a_moment() -> datetime:
    """Return a moment that is later than the one returned before, to the microsecond."""
    return MIDNIGHT + timedelta(seconds=next(_numbers), microseconds=123456)


def an_email() -> Email:
    """Return an address nobody else has, as if it had been parsed, which takes longer than most tests."""
    address = f"ann{next(_numbers)}@example.com"
    return Email(address, address)


def an_account_id() -> AccountId:
    """Return the id of nobody in particular."""
    return AccountId(new_id(a_moment()))


def an_account(**given: Any) -> Account:
    """Return an active account without posts."""
    password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaA"
    return replace(Account.open(an_email(), password_hash, now=a_moment()), **given)


def a_session(**given: Any) -> Session:
    """Return a live session of nobody in particular."""
    begun = Session.begin(
        an_account_id(),
        Origin("curl/8", "192.0.2.7"),
        salt=bytes(range(SALT_BYTES)),
        now=a_moment(),
        lifetime=timedelta(days=30),
    )
    return replace(begun, **given)


def a_post(**given: Any) -> Post:
    """Return a published post of nobody in particular."""
    written = Post.write(
        an_account_id(), Text("Bought milk."), title=Title("Today"), status=Status.PUBLISHED, now=a_moment()
    )
    return replace(written, **given)
