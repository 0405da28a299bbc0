"""The contract of `services.repositories.Accounts`."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from postkeep.domain.accounts import Account, AccountGone, AccountId, AccountStatus, Email, EmailTaken
from postkeep.domain.sessions import SessionStatus
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from tests.builders import a_moment, a_post, a_session, an_account, an_email
from tests.contracts.kept import (
    account_by_now,
    assert_unchanged,
    find_account,
    find_session,
    keep_account,
    keep_disabled,
    keep_posts,
    keep_sessions,
    posts_of,
    raised,
)

BEFORE_ALL = AccountId(UUID(int=0))
HOSTS = ("example.com", "closed.invalid.example.com")

Claim = Callable[[UnitOfWork, Account], Coroutine[Any, Any, None]]

OF_ACTIVE: dict[str, Claim] = {
    "claim_access": lambda work, account: work.accounts.claim_access(account.id),
    "admit": lambda work, account: work.accounts.admit(
        account.id, proven_hash=account.password_hash, kept_hash=account.password_hash
    ),
    "posts.add": lambda work, account: work.posts.add(a_post(author=account.id)),
    "posts.remove": lambda work, account: _remove_post(work, account.id),
}
"""Claims that need an active account."""

OF_ANY: dict[str, Claim] = {
    "set_password": lambda work, account: work.accounts.set_password(account.id, "other"),
    "set_status": lambda work, account: work.accounts.set_status(account.id, AccountStatus.ACTIVE),
    "claim": lambda work, account: work.accounts.claim(account.id),
    "close": lambda work, account: work.accounts.close(account.id),
    "remove": lambda work, account: work.accounts.remove(account.id),
    "posts.remove_some": lambda work, account: _remove_some_posts(work, account.id),
}
"""Claims that need an account."""


async def _remove_post(work: UnitOfWork, author: AccountId) -> None:
    await work.posts.remove(author, a_post().id)


async def _remove_some_posts(work: UnitOfWork, author: AccountId) -> None:
    await work.posts.remove_some(author, at_most=1, about_bytes=1)


async def by_email(storage: Storage, email: Email) -> Account | None:
    """Look an account up by its address."""
    return await storage.read(lambda work: work.accounts.find_by_email(email))


async def list_all(storage: Storage, *, after: str, limit: int) -> Sequence[Account]:
    """List accounts."""
    return await storage.read(lambda work: work.accounts.list_all(after=after, limit=limit))


async def set_status(storage: Storage, account: Account, status: AccountStatus) -> None:
    """Give an account a status."""
    await storage.transact(account.id, lambda work: work.accounts.set_status(account.id, status))


class AccountsContract:
    """What the accounts promise; `storage` is a fixture of the class that inherits this."""

    async def test_an_account_comes_back_as_it_was_kept(self, storage: Storage) -> None:
        """Every member, to the microsecond."""
        account = await keep_account(
            storage,
            created_date=datetime(2026, 2, 28, 23, 59, 59, 999999, UTC),
            status=AccountStatus.DISABLED,
            access_version=2**40,
            posts_version=2**41,
            posts=2**33,
            bytes=2**42,
        )
        assert await find_account(storage, account.id) == account
        assert await by_email(storage, account.email) == account

    @pytest.mark.parametrize("microsecond", [0, 1, 999, 1000, 123456, 999999])
    async def test_a_moment_keeps_its_microseconds(self, storage: Storage, microsecond: int) -> None:
        """Ids are minted from it, and what a client was told must not change."""
        account = await keep_account(storage, created_date=a_moment().replace(microsecond=microsecond))
        assert await find_account(storage, account.id) == account

    @pytest.mark.parametrize(
        "typed",
        ["u{}@bücher.example", "U{}@XN--BCHER-KVA.example", "u{}@пример.рф", "A.B+c-{}@Example.COM", "o'neil{}@ex.com"],
    )
    async def test_an_address_comes_back_as_typed(self, storage: Storage, typed: str) -> None:
        """Internationalised domains, mixed case and quotes included."""
        email = Email.parse(typed.format(an_email().local_part))
        account = await keep_account(storage, email=email)
        found = await by_email(storage, Email.parse(email.key.upper()))
        assert found == account
        assert found is not None
        assert found.email == email

    async def test_nobody_is_found_who_is_not_there(self, storage: Storage) -> None:
        """None, and no error."""
        assert await find_account(storage, an_account().id) is None
        assert await by_email(storage, an_email()) is None

    async def test_addresses_that_look_alike_are_two(self, storage: Storage) -> None:
        """A collation that merges a and á, or pads with spaces, would give one person's account to another."""
        email = an_email()
        await keep_account(storage, email=email)
        for key in (f"{email.key} ", f"á{email.key}", email.key.replace("ann", "ánn"), email.key[:-1]):
            assert await by_email(storage, Email("x", key)) is None

    async def test_iv_01_one_address_has_one_account(self, storage: Storage) -> None:
        """However its letters are cased; nothing of the second attempt stays."""
        first = await keep_account(storage)
        second = an_account(email=Email.parse(first.email.address.upper()))
        session = a_session(account_id=second.id)

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.add(second)
            await work.sessions.add(session)

        with pytest.raises(EmailTaken):
            await storage.transact(second.id, unit)
        assert await find_account(storage, second.id) is None
        assert await find_session(storage, session.id) is None
        assert await by_email(storage, second.email) == first

    async def test_a_taken_address_does_not_show_in_the_error(self, storage: Storage) -> None:
        """Errors reach logs, which hold no addresses."""
        first = await keep_account(storage)
        second = an_account(email=first.email)
        with pytest.raises(EmailTaken) as caught:
            await storage.transact(second.id, lambda work: work.accounts.add(second))
        shown = f"{caught.value!r} {caught.value.detail} {caught.value.__cause__!r}"
        assert first.email.key not in shown
        assert caught.value.__suppress_context__ or caught.value.__context__ is None

    async def test_pw_20_of_20_parallel_adds_of_one_address_one_wins(self, storage: Storage) -> None:
        """Uniqueness is the database's: no check before the insert can promise it."""
        email = an_email()
        rivals = [an_account(email=email) for _ in range(20)]

        async def add(account: Account) -> bool:
            try:
                await storage.transact(account.id, lambda work: work.accounts.add(account))
            except EmailTaken:
                return False
            return True

        won = await asyncio.gather(*map(add, rivals))
        assert sum(won) == 1
        assert await by_email(storage, email) == rivals[won.index(True)]
        assert [await find_account(storage, rival.id) for rival in rivals].count(None) == 19

    async def test_accounts_are_listed_in_the_order_of_their_keys(self, storage: Storage) -> None:
        """A page begins behind a key, whether or not that key is there, and ends where its limit says."""
        domain = f"{an_email().local_part}.example"
        names = ["b", "a", "B2", "z", "a.b", "a-b", "a_b", "0", "ab"]
        accounts = [await keep_account(storage, email=Email.parse(f"{name}@{domain}")) for name in names]
        ordered = sorted(accounts, key=lambda account: account.email.key)

        async def page(after: str, limit: int) -> list[Account]:
            listed = await list_all(storage, after=after, limit=limit)
            return [account for account in listed if account.email.key.endswith(domain)]

        assert await page("", 1_000_000) == ordered
        for account in ordered[:-1]:
            following = await list_all(storage, after=account.email.key, limit=1)
            assert len(following) == 1
            assert following[0].email.key > account.email.key
        assert await page(ordered[-1].email.key, 1_000_000) == []
        assert await page(f"a@{domain}!", 1_000_000) == ordered[ordered.index(accounts[1]) + 1 :]

    @pytest.mark.parametrize("name", OF_ACTIVE | OF_ANY)
    async def test_an_absent_account_is_gone(self, storage: Storage, name: str) -> None:
        """Every unit begins with the account's row, so a removed account cannot be written to."""
        account = an_account()
        with pytest.raises(AccountGone):
            await storage.transact(account.id, lambda work: (OF_ACTIVE | OF_ANY)[name](work, account))
        assert await find_account(storage, account.id) is None

    @pytest.mark.parametrize("name", OF_ACTIVE)
    async def test_a_disabled_account_is_gone(self, storage: Storage, name: str) -> None:
        """Who was let in a moment ago can do nothing any more."""
        account = await keep_disabled(storage)
        with pytest.raises(AccountGone):
            await storage.transact(account.id, lambda work: OF_ACTIVE[name](work, account))
        await assert_unchanged(storage, account)

    @pytest.mark.parametrize("name", OF_ANY)
    async def test_an_operator_reaches_a_disabled_account(self, storage: Storage, name: str) -> None:
        """Otherwise nobody could enable it again."""
        account = await keep_disabled(storage)
        await storage.transact(account.id, lambda work: OF_ANY[name](work, account))
        assert await find_account(storage, account.id) != account

    async def test_claiming_access_raises_its_version_by_one(self, storage: Storage) -> None:
        """By exactly one, and nothing else changes: stamps tell who may get in from what is kept."""
        account = await keep_account(storage)
        await storage.transact(account.id, lambda work: work.accounts.claim_access(account.id))
        assert await find_account(storage, account.id) == raised(account)

    async def test_admitting_keeps_the_hash_or_a_newer_one(self, storage: Storage) -> None:
        """A login may hash the same password with today's parameters."""
        account = await keep_account(storage, password_hash="old")
        await storage.transact(
            account.id, lambda work: work.accounts.admit(account.id, proven_hash="old", kept_hash="old")
        )
        account = raised(account)
        assert await find_account(storage, account.id) == account
        await storage.transact(
            account.id, lambda work: work.accounts.admit(account.id, proven_hash="old", kept_hash="new")
        )
        assert await find_account(storage, account.id) == raised(account, password_hash="new")

    @pytest.mark.parametrize("proven", ["older", "OLD", "öld", ""])
    async def test_nobody_is_admitted_with_a_password_that_was_changed(self, storage: Storage, proven: str) -> None:
        """A login that began before a password change must not end after it; letters are not folded."""
        account = await keep_account(storage, password_hash="old")
        with pytest.raises(AccountGone):
            await storage.transact(
                account.id, lambda work: work.accounts.admit(account.id, proven_hash=proven, kept_hash="new")
            )
        await assert_unchanged(storage, account)

    async def test_of_20_parallel_admissions_with_a_new_hash_one_wins(self, storage: Storage) -> None:
        """PW-10: the others have to prove the password against the new hash."""
        account = await keep_account(storage, password_hash="old")

        async def admit(number: int) -> bool:
            try:
                await storage.transact(
                    account.id,
                    lambda work: work.accounts.admit(account.id, proven_hash="old", kept_hash=f"new {number}"),
                )
            except AccountGone:
                return False
            return True

        won = await asyncio.gather(*map(admit, range(20)))
        assert sum(won) == 1
        assert await find_account(storage, account.id) == raised(account, password_hash=f"new {won.index(True)}")

    async def test_a_new_password_is_kept(self, storage: Storage) -> None:
        """With the version that access tokens' caches live by."""
        account = await keep_account(storage)
        await storage.transact(account.id, lambda work: work.accounts.set_password(account.id, "new"))
        assert await find_account(storage, account.id) == raised(account, password_hash="new")

    async def test_a_new_status_is_kept(self, storage: Storage) -> None:
        """There and back, with the version raised each time, also where the status was the same."""
        account = await keep_account(storage)
        for status in (AccountStatus.DISABLED, AccountStatus.ACTIVE, AccountStatus.ACTIVE):
            await set_status(storage, account, status)
            account = raised(account, status=status)
            assert await find_account(storage, account.id) == account

    async def test_a_removed_account_leaves_nothing_behind(self, storage: Storage) -> None:
        """Not a post, not a session, not its address; a neighbour's stay."""
        account, neighbour = await keep_account(storage), await keep_account(storage)
        sessions = [a_session(account_id=account.id), a_session(account_id=neighbour.id)]
        ended = a_session(account_id=account.id, status=SessionStatus.ENDED, ended_date=a_moment())
        theirs = a_post(author=neighbour.id)
        await keep_sessions(storage, *sessions, ended)
        await keep_posts(storage, *(a_post(author=account.id) for _ in range(3)), theirs)
        before = await account_by_now(storage, neighbour)
        await storage.transact(account.id, lambda work: work.accounts.remove(account.id))
        assert await find_account(storage, account.id) is None
        assert await by_email(storage, account.email) is None
        assert await posts_of(storage, account.id) == []
        assert [await find_session(storage, session.id) for session in (*sessions, ended)] == [None, sessions[1], None]
        await assert_unchanged(storage, before, theirs)

    @pytest.mark.parametrize("status", AccountStatus)
    async def test_only_what_was_proven_is_removed_for_its_owner(self, storage: Storage, status: AccountStatus) -> None:
        """Another password by now, or a disabled account: it stays as it is."""
        account = await keep_account(storage, status=status, password_hash="kept")

        async def remove(proven_hash: str) -> None:
            await storage.transact(account.id, lambda work: work.accounts.remove(account.id, proven_hash=proven_hash))

        with pytest.raises(AccountGone):
            await remove("another")
        assert await find_account(storage, account.id) == account
        if status is AccountStatus.ACTIVE:
            await remove("kept")
            assert await find_account(storage, account.id) is None
        else:
            with pytest.raises(AccountGone):
                await remove("kept")
            assert await find_account(storage, account.id) == account

    async def test_a_closed_account_is_nobody_s_until_it_is_removed(self, storage: Storage) -> None:
        """Its address is free, it is disabled, and it is found by those who remove it; what it holds is still there."""
        account = await keep_account(storage, password_hash="kept")
        await keep_posts(storage, a_post(author=account.id))

        async def close(proven_hash: str) -> None:
            await storage.transact(account.id, lambda work: work.accounts.close(account.id, proven_hash=proven_hash))

        with pytest.raises(AccountGone):
            await close("another")
        assert await by_email(storage, account.email) is not None
        await close("kept")
        alike = [Email.parse(f"+closed.{account.id}@{host}") for host in HOSTS]
        others = [await keep_account(storage, status=AccountStatus.DISABLED, email=email) for email in alike]
        closed = await account_by_now(storage, account)
        assert (closed.status, closed.posts) == (AccountStatus.DISABLED, 1)
        assert await by_email(storage, account.email) is None
        assert (await keep_account(storage, email=account.email)).id != account.id
        listed = await storage.read(lambda work: work.accounts.list_closed(after=BEFORE_ALL, limit=1000))
        assert account.id in listed
        assert not {other.id for other in others} & set(listed)
        assert len(await posts_of(storage, account.id)) == 1
        await storage.transact(account.id, lambda work: work.accounts.remove(account.id))
        assert account.id not in await storage.read(
            lambda work: work.accounts.list_closed(after=BEFORE_ALL, limit=1000)
        )

    async def test_tk_32_a_closed_account_does_not_come_back(self, storage: Storage) -> None:
        """An operator's command may have found it before it was closed; and no token of its sessions counts again."""
        account = await keep_account(storage)
        await keep_sessions(storage, session := a_session(account_id=account.id))
        await storage.transact(account.id, lambda work: work.accounts.close(account.id))
        assert await find_session(storage, session.id) is None
        closed = await account_by_now(storage, account)
        with pytest.raises(AccountGone):
            await set_status(storage, account, AccountStatus.ACTIVE)
        with pytest.raises(AccountGone):
            await storage.transact(account.id, lambda work: work.accounts.set_password(account.id, "new"))
        assert await account_by_now(storage, account) == closed

    async def test_the_address_of_a_removed_account_is_free_again(self, storage: Storage) -> None:
        """Somebody may come back, as somebody new."""
        account = await keep_account(storage)
        await storage.transact(account.id, lambda work: work.accounts.remove(account.id))
        again = await keep_account(storage, email=account.email)
        assert await by_email(storage, account.email) == replace(again, email=account.email)
