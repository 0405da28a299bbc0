"""A crowd: people written straight into the tables, with posts, a live session and a token each.

Signing thousands of people up would take longer than the measuring; what comes out is the same rows.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, insert, text

from bench.databases import Database
from bench.drivers import insert_of
from bench.people import TEXT_BYTES, Person, text_of
from postkeep.adapters.jwt_tokens import JwtTokens
from postkeep.domain.accounts import AccountId
from postkeep.domain.lists import Place
from postkeep.domain.posts import PostId
from postkeep.domain.sessions import SALT_BYTES, SessionId
from postkeep.services.signers import AccessClaims
from postkeep.storage.tables import AccountRow, SessionRow
from postkeep.views.cursors import Cursors

_LIFETIME: Final = timedelta(days=10)

_BEGUN_MS: Final = 0x0190_0000_0000
"""When everything was created that has number 0, in milliseconds since 1970."""

_MARK: Final = 32
"""So many characters of each text name its owner."""

# The posts of the first of them, for everybody else; the beginning of each text becomes the owner's id.
_COPY: Final = f"""
    INSERT INTO posts (account_id, id, text, status, version, bytes, created_date, updated_date)
    SELECT a.id, p.id, HEX(a.id) || SUBSTR(p.text, {_MARK + 1}), p.status, p.version, p.bytes, p.created_date, p.updated_date
    FROM accounts a JOIN posts p ON p.account_id = :first WHERE a.id > :first AND a.id <= :last
"""  # noqa: E501, S608 - a constant; it reads better as it is


class Crowd:
    """Everybody who is written straight into one database."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Take the database, its schema there, and what its Postkeep signs with."""
        self._database = database
        self._signer = JwtTokens([secret])
        self._cursors = Cursors([secret])
        self._count = 0

    def settle(self, count: int, *, posts: int = 0, text_bytes: int = TEXT_BYTES) -> list[Person]:
        """Write people into the tables.

        Args:
            count: How many.
            posts: How many posts each of them has.
            text_bytes: How long those are.
        """
        numbers = range(self._count, self._count + count)
        self._count += count
        now = datetime.now(UTC).replace(microsecond=0)
        first, last = _account_id(numbers[0]), _account_id(numbers[-1])
        rests = [text_of(number, text_bytes - _MARK) for number in range(posts)]

        def work(connection: Connection) -> None:
            connection.execute(insert(AccountRow), [_account(number, posts, text_bytes, now) for number in numbers])
            connection.execute(insert(SessionRow), [_session(number, now) for number in numbers])
            if posts:
                rows = [_post(first, number, rest) for number, rest in enumerate(rests)]
                connection.exec_driver_sql(insert_of(connection.dialect.name), rows)
                if connection.dialect.name != "sqlite":
                    connection.exec_driver_sql("SET sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')")
                connection.execute(text(_COPY), {"first": first.bytes, "last": last.bytes})

        self._database.run(work)
        return [self._person(number, rests, now) for number in numbers]

    def cursor(self, person: Person, post: int) -> str:
        """Return the cursor of the page behind one of somebody's posts."""
        return self._cursors.write(AccountId(UUID(bytes=person.account)), Place(PostId(post_id(post))))

    def _person(self, number: int, rests: Sequence[str], now: datetime) -> Person:
        account = _account_id(number)
        claims = AccessClaims(AccountId(account), SessionId(_session_id(number)), now, now + _LIFETIME)
        mine = [account.hex.upper() + rest for rest in rests]
        return Person(self._signer.sign_access(claims), account=account.bytes, texts=mine)


def post_id(number: int) -> UUID:
    """Return the id of everybody's post of this number, from 0, the oldest."""
    return _id(number, 0)


def _account_id(number: int) -> UUID:
    return _id(number, 1)


def _session_id(number: int) -> UUID:
    return _id(number, 2)


def _id(number: int, kind: int) -> UUID:
    """Return an id of version 7; those of one kind ascend with their numbers."""
    return UUID(int=(_BEGUN_MS + number) << 80 | 0x7 << 76 | 0b10 << 62 | kind)


def _account(number: int, posts: int, text_bytes: int, now: datetime) -> dict[str, object]:
    email = f"crowd{number}@example.com"
    return {
        "id": _account_id(number),
        "email": email,
        "email_key": email.encode(),
        "password_hash": "nobody knows",
        "status": "active",
        "access_version": 1,
        "posts_version": 1,
        "posts": posts,
        "bytes": posts * text_bytes,
        "created_date": now,
    }


def _session(number: int, now: datetime) -> dict[str, object]:
    return {
        "id": _session_id(number),
        "account_id": _account_id(number),
        "salt": number.to_bytes(SALT_BYTES, "big"),
        "counter": 1,
        "status": "active",
        "device": "bench",
        "address": "127.0.0.1",
        "created_date": now,
        "refreshed_date": now,
        "expires_date": now + _LIFETIME,
        "ended_date": None,
    }


def _post(account: UUID, number: int, rest: str) -> tuple[object, ...]:
    # An id says when its post was created; one that says something else gets another one where it is brought in.
    created = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=_BEGUN_MS + number)
    written = created.replace(tzinfo=None).isoformat(" ", "microseconds")
    size = _MARK + len(rest)
    mine = account.hex.upper() + rest
    return account.bytes, post_id(number).bytes, mine, "published", 1, size, written, written
