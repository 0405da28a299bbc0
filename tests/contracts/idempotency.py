"""The contract of `services.repositories.Keys`."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from postkeep.domain import idempotency
from postkeep.domain.accounts import AccountGone, AccountId, AccountStatus
from postkeep.domain.idempotency import KEY_LIFETIME, IdempotencyKey, KeyUse, TooManyKeys
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from postkeep.storage import idempotency as sql_idempotency
from tests.builders import a_post
from tests.contracts.kept import Boom, assert_counted, find_account, keep_account, keep_posts

MICROSECOND = timedelta(microseconds=1)


def a_use(author: AccountId, key: str | None = None) -> KeyUse:
    """Return what an author uses a key for; a key that nobody else has, unless one is given."""
    return KeyUse.of(IdempotencyKey(key or secrets.token_urlsafe(9)), a_post(author=author))


async def keep_use(storage: Storage, use: KeyUse) -> KeyUse:
    """Keep a use, in a unit as short as can be; return what is kept then."""
    kept: list[KeyUse] = []

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(use.author)
        kept.append(await work.keys.add(use))

    await storage.transact(use.author, unit)
    return kept[-1]


async def find_use(storage: Storage, use: KeyUse) -> KeyUse | None:
    """Look up what a key was used for, as at the time of a use."""
    return await storage.read(lambda work: work.keys.find(use))


def later(use: KeyUse, by: timedelta) -> KeyUse:
    """Return another use of the same key, so much later."""
    return replace(
        a_use(use.author), key_hash=use.key_hash, created_date=use.created_date + by, body_hash=secrets.token_bytes(32)
    )


class KeysContract:
    """What the keys promise; `storage` is a fixture of the class that inherits this."""

    async def test_a_use_comes_back_as_it_was_kept(self, storage: Storage) -> None:
        """Every member, the moment to the microsecond; any 32 bytes are a hash."""
        use = a_use((await keep_account(storage)).id)
        use = replace(use, key_hash=bytes(32), body_hash=b"\xff" * 32, created_date=use.created_date - MICROSECOND)
        assert await find_use(storage, use) is None
        assert await keep_use(storage, use) == use
        assert await find_use(storage, use) == use

    async def test_sv_13_of_two_uses_of_a_key_the_first_stays(self, storage: Storage) -> None:
        """Whatever the second is for; and its unit can go on."""
        account = await keep_account(storage)
        first = a_use(account.id)
        second = later(first, KEY_LIFETIME)
        post = a_post(author=account.id)
        await keep_use(storage, first)

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(post)
            assert await work.keys.add(second) == first

        await storage.transact(account.id, unit)
        assert await find_use(storage, second) == first
        await assert_counted(storage, account, post)

    async def test_sv_13_a_key_stands_for_a_day(self, storage: Storage) -> None:
        """To the microsecond; then it is as if it had never come."""
        first = a_use((await keep_account(storage)).id)
        next_day = later(first, KEY_LIFETIME + MICROSECOND)
        await keep_use(storage, first)
        assert await find_use(storage, next_day) is None
        assert await keep_use(storage, next_day) == next_day
        assert await find_use(storage, next_day) == next_day

    async def test_sv_13_an_expired_key_is_free_however_many_others_are(self, storage: Storage) -> None:
        """They are removed some at a time, and this one at once."""
        author = (await keep_account(storage)).id
        uses = [a_use(author) for _ in range(40)]
        for use in uses:
            await keep_use(storage, use)
        tomorrow = later(uses[-1], 2 * KEY_LIFETIME)
        assert await keep_use(storage, tomorrow) == tomorrow
        for _ in range(3):
            await keep_use(storage, replace(a_use(author), created_date=tomorrow.created_date))
        assert [await find_use(storage, use) for use in uses[:-1]] == [None] * 39
        assert await find_use(storage, tomorrow) == tomorrow

    async def test_an_account_keeps_so_many_keys_and_no_more(
        self, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Those that stand for something go on to do so; others' do not count, and when some expire there is room."""
        for module in (idempotency, sql_idempotency):
            monkeypatch.setattr(module, "MOST_KEYS", 3)
        author, other = (await keep_account(storage)).id, (await keep_account(storage)).id
        uses = [await keep_use(storage, a_use(author)) for _ in range(3)]
        with pytest.raises(TooManyKeys):
            await keep_use(storage, a_use(author))
        assert await keep_use(storage, later(uses[0], MICROSECOND)) == uses[0]
        assert await keep_use(storage, use := a_use(other)) == use
        new = replace(a_use(author), created_date=uses[0].created_date + KEY_LIFETIME + MICROSECOND)
        assert await keep_use(storage, new) == new
        assert await find_use(storage, uses[1]) is not None

    async def test_what_has_not_expired_is_not_forgotten(self, storage: Storage) -> None:
        """Nor is anybody else's, expired or not."""
        mine, theirs = a_use((await keep_account(storage)).id), a_use((await keep_account(storage)).id, "the same")
        for use in (mine, theirs):
            await keep_use(storage, use)
        await keep_use(storage, replace(a_use(mine.author), created_date=mine.created_date + KEY_LIFETIME))
        assert await find_use(storage, mine) == mine
        await keep_use(
            storage, replace(a_use(mine.author, "the same"), created_date=theirs.created_date + 2 * KEY_LIFETIME)
        )
        assert await find_use(storage, theirs) == theirs

    async def test_sv_13_a_stranger_s_same_key_is_another(self, storage: Storage) -> None:
        """Keys are each account's own."""
        mine, stranger = await keep_account(storage), await keep_account(storage)
        use = a_use(mine.id, "the same")
        theirs = replace(a_use(stranger.id, "the same"), created_date=use.created_date)
        await keep_use(storage, use)
        assert await find_use(storage, theirs) is None
        assert await keep_use(storage, theirs) == theirs
        assert await find_use(storage, use) == use

    async def test_a_unit_that_fails_leaves_no_key(self, storage: Storage) -> None:
        """It may be used again."""
        account = await keep_account(storage)
        use = a_use(account.id)

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(a_post(author=account.id))
            await work.keys.add(use)
            raise Boom

        with pytest.raises(Boom):
            await storage.transact(account.id, unit)
        assert await find_use(storage, use) is None
        assert await find_account(storage, account.id) == account

    async def test_a_key_outlives_its_post(self, storage: Storage) -> None:
        """What was answered once is answered again."""
        account = await keep_account(storage)
        post = a_post(author=account.id)
        use = KeyUse.of(IdempotencyKey("k"), post)
        await keep_posts(storage, post)
        await keep_use(storage, use)

        async def remove(work: UnitOfWork) -> None:
            await work.posts.remove(account.id, post.id)

        await storage.transact(account.id, remove)
        assert await find_use(storage, use) == use

    @pytest.mark.parametrize("status", AccountStatus)
    async def test_an_account_s_keys_go_with_it(self, storage: Storage, status: AccountStatus) -> None:
        """And nobody else's; a removed account gets none."""
        account, other = await keep_account(storage), await keep_account(storage)
        use, theirs = a_use(account.id), a_use(other.id)
        for each in (use, theirs):
            await keep_use(storage, each)
        await storage.transact(account.id, lambda work: work.accounts.set_status(account.id, status))
        await storage.transact(account.id, lambda work: work.accounts.remove(account.id))
        assert await find_use(storage, use) is None
        assert await find_use(storage, theirs) == theirs
        with pytest.raises(AccountGone):
            await keep_use(storage, use)
