"""Rows and what they stand for: nothing is lost between them, in either direction, on every database."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session as OrmSession

from postkeep.domain.accounts import Account, AccountStatus, Email
from postkeep.domain.attempts import Tally
from postkeep.domain.posts import Post, Status, Text, Title
from postkeep.domain.sessions import Origin, Session, SessionStatus
from postkeep.storage.tables import AccountRow, AttemptRow, KeyRow, PostRow, Row, SessionRow
from tests.builders import a_moment, a_post, a_session, an_account, an_email
from tests.contracts.attempts import a_key, look, put
from tests.contracts.idempotency import a_use, find_use, keep_use
from tests.contracts.kept import account_by_now, find_account, find_session, keep_account, keep_posts, keep_sessions
from tests.contracts.posts import find_post
from tests.integration.storage.opened import Opened

KIBIBYTE = 1024


def as_kept(opened: Opened, moment: datetime | None) -> object:
    """Return a moment as its column holds it: without a zone, in UTC; SQLite has a text."""
    if moment is None:
        return None
    plain = moment.replace(tzinfo=None)
    return plain if opened.is_server else plain.isoformat(" ", "microseconds")


def account_columns(opened: Opened, account: Account) -> dict[str, object]:
    """Return what a row of `accounts` must hold."""
    return {
        "id": account.id.bytes,
        "email": account.email.address,
        "email_key": account.email.key.encode(),
        "password_hash": account.password_hash,
        "status": account.status.value,
        "access_version": account.access_version,
        "posts_version": account.posts_version,
        "posts": account.posts,
        "bytes": account.bytes,
        "created_date": as_kept(opened, account.created_date),
    }


def session_columns(opened: Opened, session: Session) -> dict[str, object]:
    """Return what a row of `sessions` must hold."""
    return {
        "id": session.id.bytes,
        "account_id": session.account_id.bytes,
        "salt": session.salt,
        "counter": session.counter,
        "status": session.status.value,
        "device": session.origin.device,
        "address": session.origin.address,
        "created_date": as_kept(opened, session.created_date),
        "refreshed_date": as_kept(opened, session.refreshed_date),
        "expires_date": as_kept(opened, session.expires_date),
        "ended_date": as_kept(opened, session.ended_date),
    }


def post_columns(opened: Opened, post: Post) -> dict[str, object]:
    """Return what a row of `posts` must hold."""
    return {
        "account_id": post.author.bytes,
        "id": post.id.bytes,
        "title": post.title,
        "text": post.text,
        "status": post.status.value,
        "version": post.version,
        "bytes": post.bytes,
        "created_date": as_kept(opened, post.created_date),
        "updated_date": as_kept(opened, post.updated_date),
    }


async def kept_row(opened: Opened, table: str, row_id: bytes) -> dict[str, Any]:
    """Return a row's columns as the driver gives them."""
    (row,) = await opened.rows(f"SELECT * FROM {table} WHERE id = :id", id=row_id)  # noqa: S608 - a table of ours
    return dict(row)


@pytest.mark.parametrize("status", AccountStatus)
async def test_every_member_of_an_account_has_its_column(opened: Opened, status: AccountStatus) -> None:
    """And every column its member: a new one in the table fails here until it is mapped."""
    account = await keep_account(
        opened.storage,
        email=Email.parse(f"{an_email().local_part.upper()}@Bücher.example"),
        password_hash="$argon2id$v=19$m=19456,t=2,p=1$" + "h" * 200,
        status=status,
        access_version=2,
        posts_version=3,
        posts=4,
        bytes=5,
    )
    assert await kept_row(opened, "accounts", account.id.bytes) == account_columns(opened, account)


@pytest.mark.parametrize("ended", [None, a_moment() + timedelta(microseconds=1)], ids=["live", "ended"])
async def test_every_member_of_a_session_has_its_column(opened: Opened, ended: datetime | None) -> None:
    """And every column its member; the five moments and numbers all differ."""
    account = await keep_account(opened.storage)
    session = a_session(
        account_id=account.id,
        counter=7,
        salt=bytes(range(200, 232)),
        origin=Origin("Mozilla/5.0 (Ы)", "2001:db8::1"),
        status=SessionStatus.ACTIVE if ended is None else SessionStatus.ENDED,
        refreshed_date=a_moment(),
        ended_date=ended,
    )
    await keep_sessions(opened.storage, session)
    assert await kept_row(opened, "sessions", session.id.bytes) == session_columns(opened, session)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("title", [None, Title("Ünïcode 😀")], ids=["untitled", "titled"])
async def test_every_member_of_a_post_has_its_column(opened: Opened, status: Status, title: Title | None) -> None:
    """And every column its member, with the size that quotas count."""
    account = await keep_account(opened.storage)
    post = a_post(
        author=account.id, title=title, text=Text("tëxt 😀"), status=status, version=9, updated_date=a_moment()
    )
    await keep_posts(opened.storage, post)
    assert await kept_row(opened, "posts", post.id.bytes) == post_columns(opened, post)


async def orm_round_trip(opened: Opened, row: Row, key: object) -> dict[str, object]:
    """Write a row through SQLAlchemy's ORM, read it in another ORM session, and return its columns."""
    kind = type(row)

    def write_and_read(connection: Connection) -> dict[str, object]:
        with OrmSession(connection) as session:
            session.add(row)
            session.commit()
        with OrmSession(connection) as session:
            read = session.get_one(kind, key)
            return {column.key: getattr(read, column.key) for column in kind.__table__.columns}

    if isinstance(opened.engine, Engine):
        with opened.engine.connect() as connection:
            return write_and_read(connection)
    async with opened.engine.connect() as async_connection:
        return await async_connection.run_sync(write_and_read)


async def test_s_32_an_account_goes_through_the_orm(opened: Opened) -> None:
    """The mapped class alone says everything: written and read by it, and found by the repository."""
    account = an_account(access_version=2, posts_version=3, posts=4, bytes=5)
    values: dict[str, Any] = {
        "id": account.id,
        "email": account.email.address,
        "email_key": account.email.key.encode(),
        "password_hash": account.password_hash,
        "status": account.status.value,
        "access_version": 2,
        "posts_version": 3,
        "posts": 4,
        "bytes": 5,
        "created_date": account.created_date,
    }
    assert await orm_round_trip(opened, AccountRow(**values), account.id) == values
    assert await find_account(opened.storage, account.id) == account


async def test_s_32_a_session_goes_through_the_orm(opened: Opened) -> None:
    """The mapped class alone says everything: written and read by it, and found by the repository."""
    account = await keep_account(opened.storage)
    session = a_session(account_id=account.id, status=SessionStatus.ENDED, ended_date=a_moment(), counter=3)
    values: dict[str, Any] = {
        "id": session.id,
        "account_id": account.id,
        "salt": session.salt,
        "counter": 3,
        "status": "ended",
        "device": session.origin.device,
        "address": session.origin.address,
        "created_date": session.created_date,
        "refreshed_date": session.refreshed_date,
        "expires_date": session.expires_date,
        "ended_date": session.ended_date,
    }
    assert await orm_round_trip(opened, SessionRow(**values), (account.id, session.id)) == values
    assert await find_session(opened.storage, session.id) == session


async def test_s_32_a_post_goes_through_the_orm(opened: Opened) -> None:
    """The mapped class alone says everything: written and read by it, and found by the repository."""
    account = await keep_account(opened.storage)
    post = a_post(author=account.id, title=None, text=Text("ä" * 70 * KIBIBYTE))
    values: dict[str, Any] = {
        "account_id": account.id,
        "id": post.id,
        "title": None,
        "text": post.text,
        "status": "published",
        "version": 1,
        "bytes": post.bytes,
        "created_date": post.created_date,
        "updated_date": post.updated_date,
    }
    assert await orm_round_trip(opened, PostRow(**values), (account.id, post.id)) == values
    assert await find_post(opened.storage, post) == post


async def test_a_moment_without_its_zone_is_not_written(opened: Opened) -> None:
    """It would be kept as some other moment."""
    account = await account_by_now(opened.storage, await keep_account(opened.storage))
    row = AccountRow(
        id=an_account().id,
        email="x",
        email_key=b"x",
        password_hash="x",
        status="active",
        access_version=1,
        posts_version=1,
        posts=0,
        bytes=0,
        created_date=account.created_date.replace(tzinfo=None),
    )
    with pytest.raises(Exception, match="zone"):
        await orm_round_trip(opened, row, row.id)


async def test_a_moment_of_another_zone_is_kept_in_utc(opened: Opened) -> None:
    """The column has no zone; all of them are UTC."""
    moment = a_moment()
    account = await keep_account(opened.storage, created_date=moment.astimezone(datetime.now().astimezone().tzinfo))
    assert (await kept_row(opened, "accounts", account.id.bytes))["created_date"] == as_kept(opened, moment)


async def test_every_member_of_a_tally_has_its_column(opened: Opened) -> None:
    """And every column its member; the moments and the numbers all differ."""
    key, tally = a_key(), Tally(7, 3, a_moment(), a_moment(), a_moment())
    await put(opened.storage, {key: tally})
    (row,) = await opened.rows("SELECT * FROM login_attempts WHERE attempt_key = :key", key=key)
    assert dict(row) == {
        "attempt_key": key,
        "failures": 7,
        "under_way": 3,
        "changed_date": as_kept(opened, tally.changed_date),
        "expires_date": as_kept(opened, tally.expires_date),
        "blocked_until": as_kept(opened, tally.blocked_until),
    }


async def test_s_32_a_tally_goes_through_the_orm(opened: Opened) -> None:
    """The mapped class alone says everything: written and read by it, and found by the repository."""
    key, tally = a_key(), Tally(7, 3, a_moment(), a_moment())
    values: dict[str, Any] = {
        "attempt_key": key,
        "failures": 7,
        "under_way": 3,
        "changed_date": tally.changed_date,
        "expires_date": tally.expires_date,
        "blocked_until": None,
    }
    assert await orm_round_trip(opened, AttemptRow(**values), key) == values
    assert (await look(opened.storage, key))[1] == {key: tally}


async def test_every_member_of_a_key_s_use_has_its_column(opened: Opened) -> None:
    """And every column its member; the hashes and the ids all differ."""
    use = a_use((await keep_account(opened.storage)).id)
    await keep_use(opened.storage, use)
    (row,) = await opened.rows("SELECT * FROM idempotency_keys WHERE key_hash = :key", key=use.key_hash)
    assert dict(row) == {
        "account_id": use.author.bytes,
        "key_hash": use.key_hash,
        "body_hash": use.body_hash,
        "post_id": use.post_id.bytes,
        "created_date": as_kept(opened, use.created_date),
    }


async def test_s_32_a_key_s_use_goes_through_the_orm(opened: Opened) -> None:
    """The mapped class alone says everything: written and read by it, and found by the repository."""
    use = a_use((await keep_account(opened.storage)).id)
    values: dict[str, Any] = {
        "account_id": use.author,
        "key_hash": use.key_hash,
        "body_hash": use.body_hash,
        "post_id": use.post_id,
        "created_date": use.created_date,
    }
    assert await orm_round_trip(opened, KeyRow(**values), (use.author, use.key_hash)) == values
    assert await find_use(opened.storage, use) == use
