"""Argon2: strong enough, in threads, and never too many at once."""

import asyncio
import errno
import os
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Literal, Never

import argon2
import pytest
from argon2.exceptions import HashingError, VerificationError

from postkeep.adapters.argon2_passwords import Argon2Passwords
from postkeep.domain.accounts import Password
from postkeep.services.ports import HashingBusy
from tests.contracts.passwords import AWAY, DUCKS, HOME

NO_MEMORY: Final = "Memory allocation error"
"""As the library says it of ARGON2_MEMORY_ALLOCATION_ERROR."""


@pytest.fixture
async def two_at_once() -> AsyncIterator[Argon2Passwords]:
    """Return a hasher with two threads and room for three to wait."""
    hasher = Argon2Passwords(threads=2, queue=3, memory_kib=8, passes=1)
    yield hasher
    await hasher.close()


class Gate:
    """Holds threads up until it is opened, and knows how many stand before it and how many have come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand in the way of every hash."""
        self.opened = threading.Event()
        self.standing = 0
        self.most = 0
        self.come = 0
        self._lock = threading.Lock()
        hash_now = argon2.PasswordHasher.hash

        def wait_and_hash(hasher: argon2.PasswordHasher, secret: str | bytes, **options: bytes | None) -> str:
            with self._lock:
                self.come += 1
                self.standing += 1
                self.most = max(self.most, self.standing)
            self.opened.wait()
            with self._lock:
                self.standing -= 1
            return hash_now(hasher, secret, **options)

        monkeypatch.setattr(argon2.PasswordHasher, "hash", wait_and_hash)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - threads do not tell the loop
                await asyncio.sleep(0.001)


@pytest.fixture
def gate(two_at_once: Argon2Passwords, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Return a closed gate before the hasher, and open it in the end, which the hasher's own waits for."""
    del two_at_once
    gate = Gate(monkeypatch)
    yield gate
    gate.opened.set()


async def test_pw_18_hashing_gives_way_to_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores that hash would otherwise keep the event loop waiting for its turn: 9 ms instead of 3, measured."""
    found: list[tuple[int, int]] = []
    hash_now = argon2.PasswordHasher.hash

    def look(hasher: argon2.PasswordHasher, secret: str | bytes, **options: bytes | None) -> str:
        found.append((threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
        return hash_now(hasher, secret, **options)

    hasher = Argon2Passwords(memory_kib=8, passes=1)
    monkeypatch.setattr(argon2.PasswordHasher, "hash", look)
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    await hasher.hash(DUCKS, HOME)
    await hasher.close()
    ((thread, niceness),) = found
    assert thread != threading.get_native_id()
    assert niceness > mine == os.getpriority(os.PRIO_PROCESS, 0)


def test_pw_18_hashing_gives_way_in_a_process_that_gives_way_itself() -> None:
    """Only the superuser may be less nice than before: a service started with `nice` would let nobody in."""
    program = """if True:
        import asyncio, os
        from postkeep.adapters.argon2_passwords import Argon2Passwords
        from postkeep.domain.attempts import NOWHERE

        async def look():
            os.nice(12)
            hasher = Argon2Passwords(memory_kib=8, passes=1)
            print(await hasher._run(lambda: os.getpriority(os.PRIO_PROCESS, 0), NOWHERE))
            await hasher.close()

        asyncio.run(look())
    """
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("19\n", "")


async def test_pw_18_hashing_does_without_giving_way_where_that_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox may forbid it, as systemd's @resources does: nobody would get in."""

    def refuse(*_: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", refuse)
    hasher = Argon2Passwords(memory_kib=8, passes=1)
    assert await hasher.verify(DUCKS, await hasher.hash(DUCKS, HOME), HOME)
    await hasher.close()


async def test_pw_09_the_default_is_strong_enough() -> None:
    """argon2id, 19 MiB, two passes, 16 bytes of salt: OWASP's least."""
    hasher = Argon2Passwords()
    kept = await hasher.hash(DUCKS, HOME)
    await hasher.close()
    found = re.fullmatch(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$[A-Za-z0-9+/]+", kept)
    assert found is not None
    memory, passes, lanes, salt = found.groups()
    assert int(memory) >= 19456
    assert int(passes) >= 2
    assert int(lanes) == 1
    assert len(salt) >= 22


@pytest.mark.parametrize("weaker", [{"memory_kib": 16, "passes": 2}, {"memory_kib": 32, "passes": 1}], ids=str)
async def test_pw_10_a_weaker_hash_is_outdated_and_still_opens(weaker: dict[str, int]) -> None:
    """Parameters may rise; people log in as before."""
    old, today = Argon2Passwords(**weaker), Argon2Passwords(memory_kib=32, passes=2)
    kept = await old.hash(DUCKS, HOME)
    assert today.is_outdated(kept)
    assert await today.verify(DUCKS, kept, HOME)
    assert not today.is_outdated(await today.hash(DUCKS, HOME))
    await old.close()
    await today.close()


@pytest.mark.parametrize(("memory", "passes"), [(19456, 2), (19456, 1), (8, 1), (4096, 4), (38912, 2)], ids=str)
async def test_pw_12_a_no_costs_the_same_whatever_the_hash(
    monkeypatch: pytest.MonkeyPatch, memory: int, passes: int
) -> None:
    """After the parameters have risen, a weaker hash must not tell by its time that it is there."""
    spent: list[int] = []
    hash_now, verify_now = argon2.PasswordHasher.hash, argon2.PasswordHasher.verify

    def hash_and_count(hasher: argon2.PasswordHasher, *args: Any, **options: Any) -> str:
        spent.append(hasher.memory_cost * hasher.time_cost)
        return hash_now(hasher, *args, **options)

    def verify_and_count(hasher: argon2.PasswordHasher, password_hash: str, *args: Any) -> Literal[True]:
        used = argon2.extract_parameters(password_hash)
        spent.append(used.memory_cost * used.time_cost)
        return verify_now(hasher, password_hash, *args)

    old, today = Argon2Passwords(memory_kib=memory, passes=passes), Argon2Passwords(memory_kib=38912, passes=2)
    kept = await old.hash(DUCKS, HOME)
    monkeypatch.setattr(argon2.PasswordHasher, "hash", hash_and_count)
    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify_and_count)
    assert not await today.verify(Password.parse("six purple ducks"), kept, HOME)
    known = sum(spent)
    spent.clear()
    assert not await today.verify(Password.parse("six purple ducks"), None, HOME)
    assert known == pytest.approx(sum(spent), rel=0.001)
    await old.close()
    await today.close()


async def test_a_hash_that_would_take_for_ever_is_no_hash(caplog: pytest.LogCaptureFixture) -> None:
    """It came by a crafted backup, say: nobody's login takes gigabytes."""
    costly, today = Argon2Passwords(memory_kib=1024, passes=9), Argon2Passwords(memory_kib=64, passes=2)
    assert not await today.verify(DUCKS, await costly.hash(DUCKS, HOME), HOME)
    assert [record.getMessage() for record in caplog.records] == ["password_hash_unreadable"]
    await costly.close()
    await today.close()


async def test_the_decoy_costs_as_much_as_a_real_one() -> None:
    """It is made with the same parameters; an unknown address must not answer sooner."""
    hasher = Argon2Passwords(memory_kib=64, passes=3)
    decoy = hasher._decoy  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - nobody else may see it
    assert not hasher.is_outdated(decoy)
    assert decoy.split("$")[:4] == (await hasher.hash(DUCKS, HOME)).split("$")[:4]
    await hasher.close()


async def test_the_decoy_differs_in_each_process() -> None:
    """Nobody can find a password that opens it."""
    first, second = (Argon2Passwords(memory_kib=8, passes=1) for _ in range(2))
    assert first._decoy != second._decoy  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - nobody else may see it
    await first.close()
    await second.close()


async def test_pw_18_no_more_hashes_run_than_there_are_threads(two_at_once: Argon2Passwords, gate: Gate) -> None:
    """Each takes its memory; and the event loop stays free meanwhile."""
    tasks = [asyncio.create_task(two_at_once.hash(DUCKS, HOME)) for _ in range(5)]
    await gate.until(lambda: gate.standing == 2)
    gate.opened.set()
    assert len({*await asyncio.gather(*tasks)}) == 5
    assert gate.most == 2


async def test_pw_18_one_too_many_is_told_so_at_once(two_at_once: Argon2Passwords, gate: Gate) -> None:
    """Two run, three wait, the sixth is refused; when one is done, there is room again."""
    tasks = [asyncio.create_task(two_at_once.hash(DUCKS, HOME)) for _ in range(5)]
    await gate.until(lambda: gate.standing == 2)
    with pytest.raises(HashingBusy):
        await two_at_once.hash(DUCKS, HOME)
    with pytest.raises(HashingBusy):
        await two_at_once.verify(DUCKS, None, HOME)
    with pytest.raises(HashingBusy):
        two_at_once.refuse_if_busy(HOME)
    gate.opened.set()
    await asyncio.gather(*tasks)
    two_at_once.refuse_if_busy(HOME)
    await two_at_once.hash(DUCKS, HOME)


async def test_pw_18_a_crowd_from_one_network_makes_room_for_others(two_at_once: Argon2Passwords, gate: Gate) -> None:
    """Whoever comes from elsewhere is hashed next; who is sent away for that is one of the crowd."""
    crowd = [asyncio.create_task(two_at_once.hash(DUCKS, HOME)) for _ in range(5)]
    await gate.until(lambda: gate.standing == 2)
    two_at_once.refuse_if_busy(AWAY)
    other = asyncio.create_task(two_at_once.hash(DUCKS, AWAY))
    with pytest.raises(HashingBusy):
        await crowd[-1]
    assert two_at_once.usage() == {"hashing_running": 2, "hashing_waiting": 3}
    gate.opened.set()
    assert len({await other, *await asyncio.gather(*crowd[:-1])}) == 5
    assert two_at_once.usage() == {"hashing_running": 0, "hashing_waiting": 0}


async def test_a_thread_that_cannot_be_had_keeps_no_turn(
    two_at_once: Argon2Passwords, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Or a moment without threads would let nobody in until the process ends; who comes in it is told to come back."""

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")  # noqa: EM101, TRY003 - as the system says it

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        for _ in range(9):
            with pytest.raises(HashingBusy):
                await two_at_once.hash(DUCKS, HOME)
    assert caplog.messages == ["hashing_failed"] * 9
    assert await two_at_once.hash(DUCKS, HOME)


async def test_a_caller_that_goes_away_leaves_its_place_taken_until_its_hash_is_done(
    two_at_once: Argon2Passwords, gate: Gate
) -> None:
    """Otherwise a thousand impatient callers would run a thousand hashes."""
    tasks = [asyncio.create_task(two_at_once.hash(DUCKS, HOME)) for _ in range(2)]
    await gate.until(lambda: gate.standing == 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    waiting = [asyncio.create_task(two_at_once.hash(DUCKS, HOME)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(HashingBusy):
        await two_at_once.hash(DUCKS, HOME)
    gate.opened.set()
    async with asyncio.timeout(30):
        while True:
            try:
                await two_at_once.hash(DUCKS, HOME)
                break
            except HashingBusy:
                await asyncio.sleep(0.001)
    await asyncio.gather(*waiting)


async def test_what_has_not_begun_when_its_caller_goes_away_never_does(
    two_at_once: Argon2Passwords, gate: Gate
) -> None:
    """A server that ends would hash for a whole queue of logins that it has just cut off."""
    tasks = [asyncio.create_task(two_at_once.hash(DUCKS, HOME)) for _ in range(5)]
    await gate.until(lambda: gate.standing == 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    gate.opened.set()
    await two_at_once.close()
    assert gate.come == 2
    two_at_once.refuse_if_busy(HOME)


@pytest.mark.parametrize(
    "damaged",
    [
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$",
        "$argon2id$v=19$m=8,t=1,p=1",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaA\u00e9",
        "$argon2id$v=19$m=x,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaA",
    ],
    ids=ascii,
)
async def test_a_damaged_hash_is_a_no_and_an_alarm(
    two_at_once: Argon2Passwords, damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However much of it is left; never an error that the person sees as the server's."""
    assert not await two_at_once.verify(DUCKS, damaged, HOME)
    assert [record.getMessage() for record in caplog.records] == ["password_hash_unreadable"]
    assert "c2FsdHNhbHRzYWx0" not in str([vars(record) for record in caplog.records])


async def test_where_the_system_gives_no_memory_no_password_is_wrong_and_no_hash_is_damaged(
    two_at_once: Argon2Passwords, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The right password must not count as a guess, nor the operator look for a damage that there is not."""

    def fail(*_: object) -> Never:
        raise HashingError(NO_MEMORY)

    def fail_too(*_: object) -> Never:
        raise VerificationError(NO_MEMORY)

    kept = await two_at_once.hash(DUCKS, HOME)
    with monkeypatch.context() as short:
        short.setattr(argon2.PasswordHasher, "hash", fail)
        short.setattr(argon2.PasswordHasher, "verify", fail_too)
        for asked in (two_at_once.hash(DUCKS, HOME), *(two_at_once.verify(DUCKS, each, HOME) for each in (kept, None))):
            with pytest.raises(HashingBusy):
                await asked
    assert {(record.getMessage(), vars(record)["reason"]) for record in caplog.records} == {
        ("hashing_failed", "Memory allocation error")
    }
    assert await two_at_once.verify(DUCKS, kept, HOME)


async def test_closing_finishes_what_was_begun() -> None:
    """SIGTERM lets logins end."""
    hasher = Argon2Passwords(threads=1, memory_kib=8, passes=1)
    tasks = [asyncio.create_task(hasher.hash(DUCKS, HOME)) for _ in range(5)]
    await asyncio.sleep(0)
    await hasher.close()
    assert len({*await asyncio.gather(*tasks)}) == 5
