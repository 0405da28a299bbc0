"""What each use case asks of the database: S-22, no statement too many."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from postkeep.domain.accounts import Account, Password
from postkeep.domain.edits import Changes, Versions
from postkeep.domain.idempotency import IdempotencyKey
from postkeep.domain.lists import Place
from postkeep.domain.posts import Post, Status, Text, Title
from postkeep.domain.sessions import Origin, Session
from postkeep.services.accounts import AccountService
from postkeep.services.attempt_rules import AttemptLimits
from postkeep.services.attempts import AttemptService
from postkeep.services.bulk import BulkService
from postkeep.services.passwords import PasswordPolicy
from postkeep.services.posts import PostService
from postkeep.services.sessions import SessionLimits, SessionService
from postkeep.storage.idempotency import FORGOTTEN
from tests.builders import MIDNIGHT, a_post, an_email
from tests.contracts.idempotency import a_use, keep_use
from tests.contracts.kept import account_by_now, keep_account, keep_posts
from tests.fakes import FakeClock, FakeCommonPasswords, FakePasswords, FakeTokens
from tests.integration.storage.opened import AnyStorage, Opened, open_server

DUCKS, GEESE = Password.parse("five purple ducks"), Password.parse("six golden geese")


@dataclass(frozen=True)
class Caller:
    """Somebody with a session and a post, and the services over a real storage."""

    account: Account
    session: Session
    post: Post
    accounts: AccountService
    sessions: SessionService
    posts: PostService
    bulk: BulkService

    @classmethod
    async def over(cls, storage: AnyStorage) -> "Caller":
        """Sign somebody up, let them write a post, and go on with today's parameters."""
        clock, passwords, limits = FakeClock(), FakePasswords(), SessionLimits()
        policy = PasswordPolicy(FakeCommonPasswords())
        attempts = AttemptService(storage, AttemptLimits())
        accounts = AccountService(storage, passwords, attempts, policy, clock, session_lifetime=limits.lifetime)
        sessions = SessionService(storage, passwords, attempts, FakeTokens(clock), clock, limits=limits)
        account = await keep_account(storage, password_hash=passwords.hash_now(DUCKS))
        session = await sessions.login(account.email, DUCKS, Origin())
        post = a_post(author=account.id)
        await keep_posts(storage, post)
        by_now = await account_by_now(storage, account)
        return cls(
            by_now,
            session,
            post,
            accounts,
            sessions,
            posts=PostService(storage, clock),
            bulk=BulkService(storage, clock),
        )


HELD = ["INSERT INTO login_attempts", "SELECT login_attempts"]


def counted(*statements: str) -> list[str]:
    """Return the statements of an attempt that gets in, around those of what it is let through for."""
    taken = ["SELECT login_attempts", *HELD, "UPDATE login_attempts"]
    return [*taken, *statements, *HELD, "DELETE FROM login_attempts"]


KEPT = [
    *["SELECT idempotency_keys", "DELETE FROM idempotency_keys"],
    *["SELECT idempotency_keys", "INSERT INTO idempotency_keys"],
]
"""The statements that forget keys, see that there is room, and keep one."""

Use = Callable[[Caller], Awaitable[object]]

USES: dict[str, tuple[Use, list[str]]] = {
    "addPost": (
        lambda by: by.posts.add(by.account.id, Text("a"), title=Title("t"), status=Status.PUBLISHED),
        ["UPDATE accounts", "INSERT INTO posts"],
    ),
    "addPost with a key": (
        lambda by: by.posts.add(by.account.id, Text("a"), title=None, status=Status.DRAFT, key=IdempotencyKey("k")),
        ["UPDATE accounts", "INSERT INTO posts", *KEPT],
    ),
    "deletePost": (lambda by: by.posts.delete(by.account.id, by.post.id), ["UPDATE accounts", "DELETE FROM posts"]),
    "deletePost, a version": (
        lambda by: by.posts.delete(by.account.id, by.post.id, Versions.only(1)),
        ["UPDATE accounts", "DELETE FROM posts"],
    ),
    "editPost": (
        lambda by: by.posts.edit(by.account.id, by.post.id, Changes(text=Text("a")), Versions.only(1)),
        ["UPDATE accounts", "UPDATE posts", "SELECT posts"],
    ),
    "changePosts": (
        lambda by: by.bulk.set_status(by.account.id, [str(by.post.id)], Status.DRAFT),
        ["UPDATE accounts", "SELECT posts", "UPDATE posts"],
    ),
    "changePosts, deleting": (
        lambda by: by.bulk.delete(by.account.id, [str(by.post.id)]),
        ["UPDATE accounts", "SELECT posts", "UPDATE accounts", "DELETE FROM posts"],
    ),
    "getPosts": (lambda by: by.posts.page(by.account.id), ["SELECT posts"]),
    "getPosts, a page": (lambda by: by.posts.page(by.account.id, limit=2, before=Place(by.post.id)), ["SELECT posts"]),
    "getSummary": (lambda by: by.posts.summarise(by.account.id), ["SELECT accounts posts"]),
    "getPost": (lambda by: by.posts.get(by.account.id, by.post.id), ["SELECT posts"]),
    "authenticate": (
        lambda by: by.sessions.authenticate(by.sessions.tokens(by.session).access),
        ["SELECT accounts sessions"],
    ),
    "login": (
        lambda by: by.sessions.login(by.account.email, DUCKS, Origin()),
        [
            *counted("SELECT accounts"),
            *["UPDATE accounts", "UPDATE sessions", "INSERT INTO sessions", "DELETE FROM sessions"],
            "DELETE FROM sessions",
        ],
    ),
    "refresh": (
        lambda by: by.sessions.refresh(by.sessions.tokens(by.session).refresh),
        ["SELECT sessions", "UPDATE accounts", "UPDATE sessions"],
    ),
    "logout": (
        lambda by: by.sessions.logout(by.sessions.tokens(by.session).access),
        ["SELECT accounts sessions", "UPDATE accounts", "UPDATE sessions"],
    ),
    "signup": (
        lambda by: by.accounts.signup(an_email(), DUCKS, Origin()),
        [*counted("INSERT INTO accounts", "INSERT INTO sessions")[:-1], "UPDATE login_attempts"],
    ),
    "changePassword": (
        lambda by: by.accounts.change_password(by.account.id, by.session.id, DUCKS, GEESE, Origin()),
        ["SELECT accounts", *counted(), "UPDATE accounts", "UPDATE sessions"],
    ),
    "listSessions": (lambda by: by.sessions.list_live(by.account.id), ["SELECT sessions"]),
    "endSession": (
        lambda by: by.sessions.end(by.account.id, by.session.id),
        ["SELECT accounts sessions", "UPDATE accounts", "UPDATE sessions"],
    ),
    "endOtherSessions": (
        lambda by: by.sessions.end_others(by.account.id, by.session.id),
        ["UPDATE accounts", "UPDATE sessions"],
    ),
    "deleteAccount": (
        lambda by: by.accounts.leave(by.account.id, DUCKS, Origin()),
        [
            *["SELECT accounts", *counted(), "UPDATE accounts"],
            *["DELETE FROM posts", "DELETE FROM sessions", "DELETE FROM accounts"],
        ],
    ),
}


TABLES = {"accounts", "sessions", "posts", "login_attempts", "idempotency_keys"}


def in_short(statement: str) -> str:
    """Say which tables a statement is about: a SELECT's all, another's first."""
    words = statement.replace("`", "").split()
    if words[0] == "SELECT":
        return " ".join(["SELECT", *sorted({word for word in words if word in TABLES})])
    verb = {"UPDATE": 2, "INSERT": 3, "DELETE": 3}[words[0]]
    return " ".join(words[:verb])


@pytest.mark.parametrize("name", USES)
async def test_a_use_case_sends_these_statements_and_no_others(opened: Opened, name: str) -> None:
    """In this order: the account's row comes first in every unit."""
    use, wanted = USES[name]
    caller = await Caller.over(opened.storage)
    with opened.statements() as sent:
        await use(caller)
    assert [in_short(statement) for statement in sent] == wanted


@pytest.mark.parametrize(
    "name", ["addPost", "addPost with a key", "editPost", "deletePost", "getPosts", "authenticate"]
)
async def test_a_use_case_takes_no_further_round_trips(server: Opened, name: str) -> None:
    """One per statement and one for the COMMIT of a unit: no BEGIN, no ROLLBACK, no ping, no SET."""
    use, wanted = USES[name]

    async def questions() -> int:
        (row,) = await server.rows("SHOW GLOBAL STATUS LIKE 'Questions'")
        return int(row["Value"])

    async with open_server(server.kind, server.url, pool_size=1) as opened:
        caller = await Caller.over(opened.storage)
        await use(await Caller.over(opened.storage))  # every connection that is needed is open now
        alone = await questions() - await questions()
        before = await questions()
        await use(caller)
        units = any(not statement.startswith("SELECT") for statement in wanted)
        assert await questions() - before + alone == len(wanted) + units


async def test_the_session_check_reads_one_row_of_each(server: Opened) -> None:
    """By primary keys: every request does it."""
    caller = await Caller.over(server.storage)
    with server.statements() as sent:
        await caller.sessions.authenticate(caller.sessions.tokens(caller.session).access)
    explained = f"EXPLAIN FORMAT=TRADITIONAL {sent[0]}".replace("%s", ":account", 1).replace("%s", ":session", 1)
    plan = await server.rows(explained, account=caller.account.id.bytes, session=caller.session.id.bytes)
    assert {row["type"] for row in plan} == {"const"}


async def test_a_key_forgets_only_some_others(opened: Opened) -> None:
    """Whoever comes after a day of many keys does not wait for all of them to be removed."""
    caller = await Caller.over(opened.storage)
    for _ in range(2 * FORGOTTEN):
        await keep_use(opened.storage, replace(a_use(caller.account.id), created_date=MIDNIGHT - timedelta(days=9)))
    await USES["addPost with a key"][0](caller)
    left = await opened.value(
        "SELECT COUNT(*) FROM idempotency_keys WHERE account_id = :id", id=caller.account.id.bytes
    )
    assert left == 2 * FORGOTTEN - (FORGOTTEN - 1) + 1


async def test_keys_are_found_by_keys(server: Opened) -> None:
    """However many an account has: the expired ones by their dates, unsorted, and those to remove by themselves."""
    caller = await Caller.over(server.storage)
    for _ in range(100):
        await keep_use(server.storage, a_use(caller.account.id))
    with server.statements() as sent:
        await USES["addPost with a key"][0](caller)
    await server.rows("ANALYZE TABLE idempotency_keys")
    values = {"owner": caller.account.id.bytes, "day": "2999-01-01", "most": 15, "hash": bytes(32)}
    expired = in_order(sent[2], ":owner", ":day", ":most")
    forget = in_order(sent[3], ":owner", *[":hash"] * FORGOTTEN, ":day")
    for statement, key in ((expired, "ix_idempotency_keys_account_id_created_date"), (forget, "PRIMARY")):
        (row,) = await server.rows(f"EXPLAIN FORMAT=TRADITIONAL {statement}", **values)
        assert (row["key"], row["type"]) == (key, "range")
        assert "filesort" not in str(row["Extra"])


def in_order(statement: str, *names: str) -> str:
    """Give the values of a statement names."""
    left = list(names)
    return re.sub("%s", lambda _: left.pop(0), statement)


async def test_a_list_is_one_range_of_the_primary_key(server: Opened) -> None:
    """Newest first without sorting."""
    caller = await Caller.over(server.storage)
    await keep_posts(server.storage, *(a_post(author=caller.account.id) for _ in range(20)))
    with server.statements() as sent:
        await caller.posts.page(caller.account.id)
    (row,) = await server.rows(
        f"EXPLAIN FORMAT=TRADITIONAL {sent[0].replace('%s', ':owner')}", owner=caller.account.id.bytes
    )
    assert row["key"] == "PRIMARY"
    assert "filesort" not in str(row["Extra"])
