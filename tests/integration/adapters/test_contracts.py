"""The adapters keep the contracts of their ports."""

from collections.abc import AsyncIterator

import pytest

from postkeep.adapters.argon2_passwords import Argon2Passwords
from postkeep.adapters.common_passwords import ListedCommonPasswords
from postkeep.adapters.jwt_tokens import JwtTokens
from postkeep.adapters.system_clock import SystemClock
from tests.contracts.clock import ClockContract
from tests.contracts.passwords import CommonPasswordsContract, PasswordHasherContract
from tests.contracts.tokens import TokenSignerContract

OURS, THEIRS = b"o" * 32, b"t" * 32


@pytest.fixture(scope="module")
async def hasher(anyio_backend: str) -> AsyncIterator[Argon2Passwords]:
    """Return a hasher as weak, and so as fast, as argon2 allows; the contract is the same."""
    del anyio_backend
    hasher = Argon2Passwords(memory_kib=8, passes=1)
    yield hasher
    await hasher.close()


@pytest.fixture(scope="session")
def common() -> ListedCommonPasswords:
    """Return the list."""
    return ListedCommonPasswords()


@pytest.fixture
def clock() -> SystemClock:
    """Return the machine's clock."""
    return SystemClock()


@pytest.fixture(params=["HS256", "HS384", "HS512"])
def signer(request: pytest.FixtureRequest) -> JwtTokens:
    """Return our signer, with each algorithm."""
    return JwtTokens([OURS], algorithm=request.param)


@pytest.fixture
def stranger() -> JwtTokens:
    """Return somebody else's signer."""
    return JwtTokens([THEIRS])


class TestArgon2Passwords(PasswordHasherContract):
    """Hashing."""


class TestListedCommonPasswords(CommonPasswordsContract):
    """Common passwords."""


class TestJwtTokens(TokenSignerContract):
    """Tokens."""


class TestSystemClock(ClockContract):
    """The time."""
