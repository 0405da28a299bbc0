"""Password hashing with argon2id."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, TypeVar

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError, VerifyMismatchError

from postkeep.adapters.hashing_turns import HashingTurns
from postkeep.domain.accounts import Password
from postkeep.domain.attempts import Network
from postkeep.services.ports import HashingBusy
from postkeep.services.threads import Threads

log = logging.getLogger(__name__)

T = TypeVar("T")

MEMORY_KIB: Final = 19 * 1024
"""19 MiB with 2 passes and 1 lane. Source: OWASP Password Storage Cheat Sheet, argon2id."""

PASSES: Final = 2

_MOST_TIMES: Final = 64
"""A hash that costs so many times as much as today's was not made by any Postkeep, and would hold everybody up."""

_NO_MEMORY: Final = "Memory allocation error"
"""What the library says where the system gives no memory. Source: argon2.c, argon2_error_message."""

_LEAST_MEMORY_KIB: Final = 8
"""What one lane needs. Source: RFC 9106, 3.1."""

NICENESS: Final = 8
"""So much nicer than the rest of the process, which weighs six times as much then. Source: sched(7)."""

_NICEST: Final = 19


class Argon2Passwords:
    """Hashes in threads, in turns by network (`HashingTurns`). See `services.ports.PasswordHasher`.

    There are as many as there are cores but one, which is the event loop's, and they give way to it where they meet. A
    thread for each core would hash faster, and others would wait half as long again for their lists meanwhile.
    """

    def __init__(
        self, *, threads: int | None = None, queue: int = 64, memory_kib: int = MEMORY_KIB, passes: int = PASSES
    ) -> None:
        """Start with no thread; they come as they are needed.

        Args:
            threads: How many hashes at once; None for one core fewer than there are.
            queue: How many may wait besides.
            memory_kib: Memory of one hash, in KiB.
            passes: How often it goes over it.
        """
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        threads = threads or max(1, (os.cpu_count() or 1) - 1)
        self._threads = Threads(threads, "postkeep-hasher", _give_way, refusal=_busy)
        self._turns = HashingTurns(threads, queue)
        self._today = memory_kib * passes
        self._decoy = self._hasher.hash(os.urandom(16))

    def usage(self) -> Mapping[str, int]:
        """Return how many passwords are being hashed and how many wait, by the names of the metrics."""
        return {"hashing_running": self._turns.running, "hashing_waiting": self._turns.waiting}

    def refuse_if_busy(self, network: Network) -> None:
        """Refuse where too many wait for a thread.

        Raises:
            HashingBusy: They do.
        """
        self._turns.refuse_if_full(network)

    async def hash(self, password: Password, network: Network) -> str:
        """Return a PHC string with a salt of its own.

        Raises:
            HashingBusy: Too many wait, or the system gives no memory or no thread.
        """
        return await self._run(lambda: self._hasher.hash(password.secret), network)

    async def verify(self, password: Password, password_hash: str | None, network: Network) -> bool:
        """Whether the password made this hash; with None it takes as long and says no.

        Raises:
            HashingBusy: Too many wait, or the system gives no memory or no thread.
        """
        matches = await self._run(
            lambda: self._matches(password, self._decoy if password_hash is None else password_hash), network
        )
        return matches and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    async def close(self) -> None:
        """End the threads, once all who wait for one have had it."""
        await self._turns.ended()
        await asyncio.to_thread(self._threads.shutdown)

    def _matches(self, password: Password, password_hash: str) -> bool:
        """Compare a password with a hash; a hash that cannot be read matches nothing, and is told to the operator.

        Raises:
            Argon2Error: There is no memory for it.
        """
        try:
            self._refuse_costly(password_hash)
            return self._hasher.verify(password_hash, password.secret)
        except VerifyMismatchError:
            self._make_up_for(password_hash)
            return False
        except (Argon2Error, InvalidHashError, UnicodeError) as error:
            if str(error) == _NO_MEMORY:
                raise
            log.critical("password_hash_unreadable")
            return False

    def _make_up_for(self, password_hash: str) -> None:
        """Do what is left to today's cost: a no must not come sooner where somebody has an account from before."""
        left = max(0, self._today - self._cost(password_hash))
        # As much memory as today's wherever it can be: getting it from the system takes its time, too.
        whole, rest = divmod(left, self._hasher.memory_cost)
        for memory, passes in ((self._hasher.memory_cost, whole), (rest // 2, 2)):
            if passes and memory >= _LEAST_MEMORY_KIB:
                PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=1).hash(b"")

    def _refuse_costly(self, password_hash: str) -> None:
        """Do not begin what would take for ever.

        Raises:
            InvalidHashError: It would.
        """
        if self._cost(password_hash) > _MOST_TIMES * self._today:
            raise InvalidHashError

    @staticmethod
    def _cost(password_hash: str) -> int:
        """Return what a hash costs, in KiB gone over.

        Raises:
            InvalidHashError: It cannot be read.
        """
        used = extract_parameters(password_hash)
        return used.memory_cost * used.time_cost

    async def _run(self, work: Callable[[], T], network: Network) -> T:
        """Do a slow thing in a thread, when it is this network's turn.

        Raises:
            HashingBusy: That does not come, or the thing cannot be done just now.
        """
        await self._turns.take(network)
        try:
            hashing = asyncio.wrap_future(self._threads.submit(work))
        except HashingBusy:
            self._turns.end()
            raise
        except RuntimeError as error:
            # The threads have ended.
            self._turns.end()
            raise _busy(error) from error
        # The thread goes on when the caller is cancelled, so it is the thread's end that makes room.
        hashing.add_done_callback(self._end_turn)
        try:
            return await asyncio.shield(hashing)
        except Argon2Error as error:
            raise _busy(error) from error

    def _end_turn(self, _done: object) -> None:
        """Let the next one in."""
        self._turns.end()


def _busy(cause: Exception) -> HashingBusy:
    """Make the port's word for a password that cannot be hashed just now, and tell the operator why."""
    log.error("hashing_failed", extra={"reason": str(cause)})
    return HashingBusy()


def _give_way() -> None:
    """Let everybody else go first from now on: who logs in waits a while anyway, and nobody else should.

    A sandbox may forbid it, as systemd's `@resources` does: then passwords are hashed without giving way.

    Source: setpriority(2): on Linux a thread has a niceness of its own, and only the superuser may lower it.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + NICENESS, _NICEST))
