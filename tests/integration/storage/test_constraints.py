"""The tables hold the rules by themselves, on every database: against mistakes in the code, and hands in the data."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, String, UniqueConstraint
from sqlalchemy.exc import DBAPIError

from postkeep.domain.accounts import EmailTaken
from postkeep.domain.attempts import Tally
from postkeep.domain.posts import Text
from postkeep.storage.statements import ConstraintBroken
from postkeep.storage.tables import Row
from tests.builders import MIDNIGHT, a_post, a_session, an_account, an_email
from tests.contracts.attempts import a_key, put
from tests.contracts.idempotency import a_use, find_use, keep_use
from tests.contracts.kept import find_account, keep_account, keep_posts, keep_sessions
from tests.integration.storage.opened import Opened

A_MOMENT = "2026-11-21 00:00:01.123456"

CHECKED: list[tuple[str, str, Any, str]] = [
    ("accounts", "status", "gone", "ck_accounts_status_known"),
    ("accounts", "status", "", "ck_accounts_status_known"),
    ("accounts", "status", "Active", "ck_accounts_status_known"),
    ("accounts", "access_version", 0, "ck_accounts_versions_positive"),
    ("accounts", "access_version", -1, "ck_accounts_versions_positive"),
    ("accounts", "posts_version", 0, "ck_accounts_versions_positive"),
    ("accounts", "posts", -1, "ck_accounts_counts_not_negative"),
    ("accounts", "bytes", -1, "ck_accounts_counts_not_negative"),
    ("sessions", "status", "gone", "ck_sessions_status_known"),
    ("sessions", "status", "ended", "ck_sessions_ended_when_ended"),
    ("sessions", "ended_date", A_MOMENT, "ck_sessions_ended_when_ended"),
    ("sessions", "counter", 0, "ck_sessions_counter_positive"),
    ("sessions", "counter", -1, "ck_sessions_counter_positive"),
    ("login_attempts", "failures", -1, "ck_login_attempts_counts_not_negative"),
    ("login_attempts", "under_way", -1, "ck_login_attempts_counts_not_negative"),
    ("posts", "status", "lost", "ck_posts_status_known"),
    ("posts", "status", "PUBLISHED", "ck_posts_status_known"),
    ("posts", "title", "", "ck_posts_title_not_empty"),
    ("posts", "text", "", "ck_posts_text_not_empty"),
    ("posts", "version", 0, "ck_posts_version_positive"),
    ("posts", "bytes", 0, "ck_posts_bytes_positive"),
    ("posts", "bytes", -1, "ck_posts_bytes_positive"),
]

REQUIRED = {
    "accounts": "id email email_key password_hash status access_version posts_version posts bytes created_date",
    "sessions": "id account_id salt counter status device address created_date refreshed_date expires_date",
    "idempotency_keys": "account_id key_hash body_hash post_id created_date",
    "login_attempts": "attempt_key failures under_way changed_date expires_date",
    "posts": "account_id id text status version bytes created_date updated_date",
}

TOO_LONG: list[tuple[str, str, Any]] = [
    ("accounts", "id", b"i" * 17),
    ("accounts", "email", "e" * 255),
    ("accounts", "email_key", b"e" * 255),
    ("accounts", "password_hash", "h" * 256),
    ("sessions", "id", b"i" * 17),
    ("sessions", "account_id", b"i" * 17),
    ("sessions", "salt", b"s" * 33),
    ("sessions", "device", "d" * 201),
    ("sessions", "address", "a" * 46),
    ("login_attempts", "attempt_key", b"k" * 33),
    ("idempotency_keys", "account_id", b"i" * 17),
    ("idempotency_keys", "key_hash", b"k" * 33),
    ("idempotency_keys", "body_hash", b"b" * 33),
    ("idempotency_keys", "post_id", b"i" * 17),
    ("posts", "account_id", b"i" * 17),
    ("posts", "id", b"i" * 17),
    ("posts", "title", "t" * 201),
]


async def set_column(opened: Opened, table: str, column: str, value: object) -> None:
    """Give one column of a good row a value, in SQL as it stands."""
    if table == "login_attempts":
        await put(opened.storage, {(key := a_key()): Tally(1, 1, MIDNIGHT, MIDNIGHT)})
        await opened.rows(f"UPDATE {table} SET {column} = :value WHERE attempt_key = :key", value=value, key=key)  # noqa: S608 - ours
        return
    account = await keep_account(opened.storage)
    if table == "idempotency_keys":
        await keep_use(opened.storage, use := a_use(account.id))
        await opened.rows(f"UPDATE {table} SET {column} = :value WHERE key_hash = :key", value=value, key=use.key_hash)  # noqa: S608 - ours
        return
    session, post = a_session(account_id=account.id), a_post(author=account.id)
    await keep_sessions(opened.storage, session)
    await keep_posts(opened.storage, post)
    row_id = {"accounts": account.id, "sessions": session.id, "posts": post.id}[table].bytes
    await opened.rows(f"UPDATE {table} SET {column} = :value WHERE id = :id", value=value, id=row_id)  # noqa: S608 - ours


@pytest.mark.parametrize(("table", "column", "value", "constraint"), CHECKED)
async def test_a_bad_value_is_refused_by_name(
    opened: Opened, table: str, column: str, value: object, constraint: str
) -> None:
    """Whoever writes it: the name says which rule it breaks."""
    with pytest.raises(DBAPIError, match=constraint):
        await set_column(opened, table, column, value)


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, columns in REQUIRED.items() for column in columns.split()]
)
async def test_nothing_is_missing(opened: Opened, table: str, column: str) -> None:
    """Only a post's title, a session's end and a block's may be absent."""
    with pytest.raises(DBAPIError, match=rf"(?i)null.*{column}|{column}.*null"):
        await set_column(opened, table, column, None)


@pytest.mark.parametrize(("table", "column", "value"), TOO_LONG)
async def test_iv_21_nothing_is_cut(opened: Opened, table: str, column: str, value: object) -> None:
    """Sessions are strict whatever the server's mode is, and SQLite is held by checks: an error, never half of it."""
    with pytest.raises(DBAPIError, match="1406" if opened.is_server else f"ck_{table}_{column}_length"):
        await set_column(opened, table, column, value)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        *[("accounts", "id"), ("sessions", "id"), ("sessions", "salt"), ("posts", "id")],
        *[("login_attempts", "attempt_key"), ("idempotency_keys", "key_hash"), ("idempotency_keys", "body_hash")],
    ],
)
async def test_nothing_is_too_short_on_sqlite(embedded: Opened, table: str, column: str) -> None:
    """Servers fill up with zeros what has one length; here it would be read as damaged."""
    with pytest.raises(DBAPIError, match=f"ck_{table}_{column}_length"):
        await set_column(embedded, table, column, b"s" * 15)


async def test_a_session_a_post_and_a_key_have_their_account(opened: Opened) -> None:
    """S-16: by foreign key, on every connection."""
    stranger = an_account()
    for table in ("sessions", "posts", "idempotency_keys"):
        with pytest.raises(DBAPIError, match=r"(?i)foreign key"):
            await set_column(opened, table, "account_id", stranger.id.bytes)


async def test_an_account_with_posts_cannot_vanish_under_them(opened: Opened) -> None:
    """Removing goes from the leaves to the root; nothing cascades by accident."""
    account = await keep_account(opened.storage)
    await keep_posts(opened.storage, a_post(author=account.id))
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"):
        await opened.rows("DELETE FROM accounts WHERE id = :id", id=account.id.bytes)


async def test_keys_vanish_with_their_account_whoever_removes_it(opened: Opened) -> None:
    """A release that knows no keys serves this schema, too, and must be able to remove an account."""
    account, other = await keep_account(opened.storage), await keep_account(opened.storage)
    mine, theirs = a_use(account.id), a_use(other.id)
    for use in (mine, theirs):
        await keep_use(opened.storage, use)
    await opened.rows("DELETE FROM accounts WHERE id = :id", id=account.id.bytes)
    assert await find_use(opened.storage, mine) is None
    assert await find_use(opened.storage, theirs) == theirs


async def test_db_17_a_taken_address_is_known_by_its_constraint(opened: Opened) -> None:
    """And another collision is not taken for it."""
    account = await keep_account(opened.storage)
    with pytest.raises(EmailTaken):
        await keep_account(opened.storage, email=account.email)
    with pytest.raises(ConstraintBroken):
        await keep_account(opened.storage, id=account.id)
    assert await find_account(opened.storage, account.id) == account


async def test_db_17_an_address_that_names_the_constraint_is_an_address(opened: Opened) -> None:
    """Servers quote the value beside the constraint's name."""
    odd = an_email()
    odd = replace(odd, key=f"uq_accounts_email_key.accounts.email_key.{odd.key}")
    account = await keep_account(opened.storage, email=odd)
    with pytest.raises(ConstraintBroken):
        await keep_account(opened.storage, id=account.id, email=an_email())


async def test_a_space_tells_two_addresses_apart(opened: Opened) -> None:
    """Keys are bytes: for utf8mb4_bin the second would be the first."""
    email = an_email()
    first = await keep_account(opened.storage, email=email)
    second = await keep_account(opened.storage, email=replace(email, key=f"{email.key} "))
    assert await find_account(opened.storage, first.id) == first
    assert await find_account(opened.storage, second.id) == second


def test_no_key_is_text() -> None:
    """What utf8mb4_bin takes for equal need not be; only our own revisions, of digits, and statuses are kept so."""
    keys = [
        key
        for table in Row.metadata.tables.values()
        for key in (*table.constraints, *table.indexes)
        if isinstance(key, PrimaryKeyConstraint | UniqueConstraint | ForeignKeyConstraint | Index)
    ]
    texts = {str(column) for key in keys for column in key.columns if isinstance(column.type, String)}
    assert texts == {"schema_support.oldest_revision", "posts.status"}


async def test_db_35_an_error_does_not_hold_what_people_wrote(opened: Opened) -> None:
    """Errors are logged; this one comes from an INSERT with everything in it."""
    account = await keep_account(opened.storage)
    post = a_post(author=account.id, text=Text("a secret"))
    await keep_posts(opened.storage, post)
    with pytest.raises(ConstraintBroken) as caught:
        await keep_posts(opened.storage, post)
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_db_35_nor_does_it_hold_what_opens_an_account(opened: Opened) -> None:
    """Hashes are secrets, too."""
    account = await keep_account(opened.storage)
    with pytest.raises(ConstraintBroken) as caught:
        await keep_account(opened.storage, id=account.id, password_hash="$secret", email=an_email())
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("table", ["accounts", "sessions", "posts", "idempotency_keys"])
async def test_s_24_an_account_s_things_are_found_by_key(opened: Opened, table: str) -> None:
    """Every table's own key begins with what its statements name first: no query reads a table through."""
    account = await keep_account(opened.storage)
    column = "id" if table == "accounts" else "account_id"
    explain = "EXPLAIN FORMAT=TRADITIONAL" if opened.is_server else "EXPLAIN QUERY PLAN"
    plan = await opened.rows(f"{explain} SELECT * FROM {table} WHERE {column} = :id", id=account.id.bytes)  # noqa: S608 - ours
    assert "SCAN" not in str(plan)
    assert "ALL" not in [row.get("type") for row in plan]
