"""The contract of `services.repositories.Attempts` and of `services.ports.Storage.count`."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from postkeep.domain.accounts import AccountId, Email
from postkeep.domain.attempts import KEY_BYTES, AttemptKey, Rule, Tally
from postkeep.domain.sessions import Origin
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from tests.builders import MIDNIGHT, a_post, a_session, an_account, an_email
from tests.contracts.kept import Boom, find_account, keep_account, keep_sessions

RULE = Rule("test", 10, timedelta(minutes=15))
HOUR = timedelta(hours=1)


def a_key() -> AttemptKey:
    """Return a key that nobody else has."""
    return AttemptKey(secrets.token_bytes(KEY_BYTES))


async def look(storage: Storage, *keys: AttemptKey) -> tuple[datetime, dict[AttemptKey, Tally]]:
    """Return the database's present moment, and what is kept."""
    now, tallies = await storage.read(lambda work: work.attempts.look(keys))
    return now, dict(tallies)


async def put(storage: Storage, tallies: dict[AttemptKey, Tally]) -> None:
    """Keep this, whatever was kept."""

    async def unit(work: UnitOfWork) -> None:
        await work.attempts.hold(list(tallies))
        await work.attempts.put(tallies)

    await storage.count(unit)


async def addresses(storage: Storage, email: Email) -> list[str]:
    """Return where an account was logged in from, in the order of their letters."""
    return sorted(await storage.read(lambda work: work.sessions.addresses(email)))


async def take(storage: Storage, *keys: AttemptKey) -> bool:
    """Count one more as under way if there is room for it, as the service does."""

    async def unit(work: UnitOfWork) -> None:
        now, kept = await work.attempts.hold(keys)
        if not all(RULE.judge(kept.get(key), now).is_free for key in keys):
            raise Boom
        await work.attempts.put({key: RULE.taken(kept.get(key), now) for key in keys})

    try:
        await storage.count(unit)
    except Boom:
        return False
    return True


WRITES: dict[str, Callable[[UnitOfWork], Awaitable[object]]] = {
    "hold": lambda work: work.attempts.hold([a_key()]),
    "put": lambda work: work.attempts.put({a_key(): Tally(0, 0, MIDNIGHT, MIDNIGHT)}),
    "purge": lambda work: work.attempts.purge(timedelta()),
}


WRITES_OF_ACCOUNTS: dict[str, Callable[[UnitOfWork, AccountId], Awaitable[object]]] = {
    "accounts.claim_access": lambda work, account_id: work.accounts.claim_access(account_id),
    "accounts.add": lambda work, _: work.accounts.add(an_account()),
    "posts.add": lambda work, account_id: work.posts.add(a_post(author=account_id)),
}


class AttemptsContract:
    """What counting promises; `storage` is a fixture of the class that inherits this."""

    async def test_where_nothing_is_kept_there_is_still_a_moment(self, storage: Storage) -> None:
        """The first attempt of all is judged, too."""
        before, nothing = await look(storage, a_key(), a_key())
        after, _ = await look(storage, a_key())
        assert nothing == {}
        assert before <= after
        assert before.tzinfo is not None

    async def test_what_is_put_is_kept_to_the_last_member(self, storage: Storage) -> None:
        """Also that there is no block."""
        now, _ = await look(storage, a_key())
        one, other, untouched = a_key(), a_key(), a_key()
        blocked = Tally(7, 3, now, now + HOUR, now + timedelta(seconds=30, microseconds=5))
        free = Tally(0, 1, now - HOUR, now + HOUR)
        await put(storage, {one: blocked, other: free})
        assert (await look(storage, untouched, other, one))[1] == {one: blocked, other: free}

    async def test_what_is_put_again_replaces_what_was(self, storage: Storage) -> None:
        """A block ends, too."""
        now, _ = await look(storage, key := a_key())
        await put(storage, {key: Tally(10, 0, now, now + HOUR, now + HOUR)})
        await put(storage, {key: (last := Tally(0, 1, now, now + HOUR))})
        assert (await look(storage, key))[1] == {key: last}

    async def test_what_is_held_is_what_is_kept(self, storage: Storage) -> None:
        """Making rows to hold them must not touch those that are there."""
        now, _ = await look(storage, kept := a_key())
        before = Tally(7, 3, now, now + HOUR, now + HOUR)
        await put(storage, {kept: before})
        held: list[Tally | None] = []

        async def unit(work: UnitOfWork) -> None:
            _, tallies = await work.attempts.hold([a_key(), kept])
            held.append(tallies.get(kept))

        await storage.count(unit)
        assert set(held) == {before}
        assert (await look(storage, kept))[1] == {kept: before}

    async def test_what_is_empty_is_removed(self, storage: Storage) -> None:
        """Whoever got in leaves nothing behind; a second time neither."""
        now, _ = await look(storage, key := a_key())
        await put(storage, {key: Tally(10, 0, now, now + HOUR)})
        for _ in range(2):
            await put(storage, {key: Tally(0, 0, now, now + HOUR)})
            assert (await look(storage, key))[1] == {}

    async def test_a_unit_that_fails_changes_nothing(self, storage: Storage) -> None:
        """Whoever is refused takes no room; nor does the row stay that was made to hold it."""
        now, _ = await look(storage, kept := a_key())
        before = Tally(3, 2, now, now + HOUR)
        await put(storage, {kept: before})

        async def unit(work: UnitOfWork) -> None:
            _, tallies = await work.attempts.hold([kept, absent])
            await work.attempts.put({kept: replace(tallies[kept], failures=9), absent: before})
            raise Boom

        absent = a_key()
        with pytest.raises(Boom):
            await storage.count(unit)
        assert (await look(storage, kept, absent))[1] == {kept: before}

    async def test_pw_16_of_many_at_once_exactly_the_limit_is_let_through(self, storage: Storage) -> None:
        """Also where none was counted before: the first of all must not be counted twice as one."""
        for _ in range(5):
            key = a_key()
            taken = await asyncio.gather(*(take(storage, key) for _ in range(40)))
            assert taken.count(True) == RULE.limit
            assert (await look(storage, key))[1][key].under_way == RULE.limit

    async def test_counts_that_cross_do_not_stop_each_other(self, storage: Storage) -> None:
        """One account from many networks, many accounts from one: everybody holds in one order, and nobody is lost."""
        keys = [a_key() for _ in range(4)]
        crossed = [(keys[n % 4], keys[(n + 1 + n % 3) % 4]) for n in range(48)]
        expected = [take(storage, *pair) for pair in crossed]
        taken = await asyncio.gather(*expected)
        counts: dict[AttemptKey, int] = dict.fromkeys(keys, 0)
        for pair, is_taken in zip(crossed, taken, strict=True):
            for key in pair:
                counts[key] += is_taken
        _, kept = await look(storage, *keys[:3])
        _, last = await look(storage, keys[3])
        assert {key: tally.under_way for key, tally in (kept | last).items()} == counts

    async def test_rows_that_come_and_go_are_counted_right(self, storage: Storage) -> None:
        """Somebody is let through and settled at once, all the time: a row is removed while others wait for it."""
        key = a_key()

        async def come_and_go() -> None:
            async def settle(work: UnitOfWork) -> None:
                now, kept = await work.attempts.hold([key])
                await work.attempts.put({key: RULE.given_back(kept.get(key), now)})

            for _ in range(5):
                if await take(storage, key):
                    await storage.count(settle)

        await asyncio.gather(*(come_and_go() for _ in range(12)))
        assert (await look(storage, key))[1] == {}

    async def test_a_cancelled_caller_does_not_cancel_its_count(self, storage: Storage) -> None:
        """Clients hang up in the middle; what was begun is done."""
        key = a_key()
        task = asyncio.create_task(take(storage, key))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            while not (await look(storage, key))[1]:  # noqa: ASYNC110 - only the storage can tell
                await asyncio.sleep(0)
        assert await take(storage, key)
        assert (await look(storage, key))[1][key].under_way == 2

    async def test_purging_removes_what_expired_long_enough_ago(self, storage: Storage) -> None:
        """And nothing else, however full the table is."""
        now, _ = await look(storage, a_key())
        old, young, live = [a_key() for _ in range(3)], a_key(), a_key()
        expired = Tally(1, 0, now - 9 * HOUR, now - 5 * HOUR)
        await put(storage, dict.fromkeys(old, expired))
        await put(storage, {young: replace(expired, expires_date=now - 3 * HOUR), live: Tally(1, 0, now, now + HOUR)})
        await storage.count(lambda work: work.attempts.purge(4 * HOUR))
        assert (await look(storage, *old))[1] == {}
        assert (await look(storage, young, live))[1].keys() == {young, live}

    async def test_purging_takes_a_slice_and_comes_round(self, storage: Storage) -> None:
        """Whoever happens to sweep must not be kept for long."""
        now, _ = await look(storage, a_key())
        old = [a_key() for _ in range(100)]
        for key in old:
            await put(storage, {key: Tally(1, 0, now - 9 * HOUR, now - 5 * HOUR)})
        for _ in range(3):
            await storage.count(lambda work: work.attempts.purge(4 * HOUR))
        assert [key for key in old if (await look(storage, key))[1]] == []

    @pytest.mark.parametrize("name", WRITES)
    async def test_only_a_counting_unit_counts(self, storage: Storage, name: str) -> None:
        """In a unit of an account it would be held until that is committed; a reading changes nothing."""
        account = await keep_account(storage)
        now, _ = await look(storage, expired := a_key())
        await put(storage, {expired: Tally(1, 0, now - HOUR, now - HOUR)})

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(account.id)
            await WRITES[name](work)

        async def query(work: UnitOfWork) -> None:
            await WRITES[name](work)

        with pytest.raises(RuntimeError):
            await storage.transact(account.id, unit)
        with pytest.raises(RuntimeError):
            await storage.read(query)
        assert (await look(storage, expired))[1] != {}
        assert await find_account(storage, account.id) == account

    @pytest.mark.parametrize("name", WRITES_OF_ACCOUNTS)
    async def test_a_counting_unit_writes_nothing_of_an_account(self, storage: Storage, name: str) -> None:
        """It raises no version, so caches would not hear of it."""
        account = await keep_account(storage)

        async def unit(work: UnitOfWork) -> None:
            await WRITES_OF_ACCOUNTS[name](work, account.id)

        with pytest.raises(RuntimeError):
            await storage.count(unit)
        assert await find_account(storage, account.id) == account


class AddressesContract:
    """Where an account was logged in from; `storage` is a fixture of the class that inherits this."""

    async def test_every_address_is_named_once(self, storage: Storage) -> None:
        """Of sessions that ended, too: the owner's home is the owner's home."""
        account, stranger = await keep_account(storage), await keep_account(storage)
        for address in ("192.0.2.7", "2001:db8::1", "192.0.2.7", ""):
            await keep_sessions(storage, a_session(account_id=account.id, origin=Origin("curl/8", address)))
        ended = a_session(account_id=account.id, origin=Origin("curl/8", "192.0.2.8"))
        await keep_sessions(storage, ended, a_session(account_id=stranger.id, origin=Origin("x", "203.0.113.1")))

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(account.id)
            await work.sessions.end(ended, ended.created_date)

        await storage.transact(account.id, unit)
        assert await addresses(storage, account.email) == ["", "192.0.2.7", "192.0.2.8", "2001:db8::1"]

    async def test_nobody_was_logged_in_from_nowhere(self, storage: Storage) -> None:
        """An address without an account, or with one that nobody used."""
        unused = await keep_account(storage)
        assert await addresses(storage, unused.email) == await addresses(storage, an_email()) == []
