"""The fakes keep the contracts of their ports, so what is shown with them holds with the real adapters."""

import pytest

from postkeep.domain.accounts import AccountGone
from postkeep.services.ports import HashingBusy, StorageUnavailable
from postkeep.services.repositories import UnitOfWork
from tests.builders import a_post, an_account
from tests.contracts.accounts import AccountsContract
from tests.contracts.archive import ArchiveContract, Vault
from tests.contracts.attempts import AddressesContract, AttemptsContract
from tests.contracts.clock import ClockContract
from tests.contracts.edits import BulkContract, EditsContract
from tests.contracts.freshness import FreshnessContract
from tests.contracts.housekeeping import HousekeepingContract
from tests.contracts.idempotency import KeysContract
from tests.contracts.imports import ImportsContract
from tests.contracts.kept import Boom
from tests.contracts.lists import ListsContract, SearchContract
from tests.contracts.passwords import DUCKS, HOME, CommonPasswordsContract, PasswordHasherContract
from tests.contracts.posts import PostsContract
from tests.contracts.sessions import SessionsContract
from tests.contracts.storage import StorageContract
from tests.contracts.tokens import TokenSignerContract
from tests.contracts.transfer import TransferContract
from tests.fake_archive import FakeArchive
from tests.fake_storage import FakeStorage
from tests.fakes import FakeClock, FakeCommonPasswords, FakeFreshness, FakePasswords, FakeTokens, a_world


@pytest.fixture
def storage() -> FakeStorage:
    """Return an empty storage."""
    return FakeStorage(FakeClock())


@pytest.fixture
def vault(storage: FakeStorage) -> Vault:
    """Return the storage, and what takes it as a whole."""
    return Vault(FakeArchive(storage), storage)


@pytest.fixture
def freshness(storage: FakeStorage) -> FakeFreshness:
    """Return what reads its stamps."""
    return FakeFreshness(storage)


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands."""
    return FakeClock()


@pytest.fixture
def hasher() -> FakePasswords:
    """Return a hasher that takes no time."""
    return FakePasswords()


@pytest.fixture
def common() -> FakeCommonPasswords:
    """Return a short list."""
    return FakeCommonPasswords()


@pytest.fixture
def signer(clock: FakeClock) -> FakeTokens:
    """Return our signer."""
    return FakeTokens(clock)


@pytest.fixture
def stranger(clock: FakeClock) -> FakeTokens:
    """Return somebody else's signer."""
    return FakeTokens(clock, "theirs")


class TestFakeStorage(StorageContract):
    """Units and readings."""


class TestFakeEdits(EditsContract):
    """Edits."""


class TestFakeBulk(BulkContract):
    """Many posts at once."""


class TestFakeAccounts(AccountsContract):
    """Accounts."""


class TestFakeSessions(SessionsContract):
    """Sessions."""


class TestFakePosts(PostsContract):
    """Posts."""


class TestFakeLists(ListsContract):
    """Lists."""


class TestFakeSearch(SearchContract):
    """Searching."""


class TestFakeImports(ImportsContract):
    """Several posts at once."""


class TestTransferOnFakes(TransferContract):
    """Taking out and bringing in."""


class TestHousekeepingOnFakes(HousekeepingContract):
    """What is over, of people who never come back."""


class TestFakeKeys(KeysContract):
    """Idempotency keys."""


class TestFakeAttempts(AttemptsContract):
    """Counts of attempts."""


class TestFakeAddresses(AddressesContract):
    """Where accounts were logged in from."""


class TestFakeFreshness(FreshnessContract):
    """Stamps."""


class TestFakeArchive(ArchiveContract):
    """A database as a whole."""


class TestFakePasswords(PasswordHasherContract):
    """Hashing."""


class TestFakeCommonPasswords(CommonPasswordsContract):
    """Common passwords."""


class TestFakeTokens(TokenSignerContract):
    """Tokens."""


class TestFakeClock(ClockContract):
    """The time."""


async def test_the_fake_runs_every_unit_twice(storage: FakeStorage) -> None:
    """A unit with effects outside its unit of work shows in every test of the services."""
    runs: list[int] = []

    async def unit(work: UnitOfWork) -> None:
        runs.append(1)
        await work.accounts.add(account)

    account = an_account()
    await storage.transact(account.id, unit)
    assert len(runs) == 2
    assert storage.state.accounts == {account.id: account}


async def test_the_fake_refuses_a_unit_that_waits_for_something_else(storage: FakeStorage) -> None:
    """As the embedded database's writer does: it has no event loop to wait with."""

    async def unit(work: UnitOfWork) -> None:
        await FakePasswords().hash(DUCKS, HOME)
        await work.accounts.add(an_account())

    with pytest.raises(RuntimeError):
        await storage.transact(an_account().id, unit)


async def test_the_fake_can_fail(storage: FakeStorage) -> None:
    """Databases do."""
    storage.fails = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await storage.check()
    with pytest.raises(StorageUnavailable):
        await storage.read(lambda work: work.accounts.find(an_account().id))
    account = an_account()
    with pytest.raises(StorageUnavailable):
        await storage.transact(account.id, lambda work: work.accounts.add(account))


async def test_the_fake_hasher_can_be_busy(hasher: FakePasswords) -> None:
    """Hashers are."""
    hasher.is_busy = True
    with pytest.raises(HashingBusy):
        await hasher.hash(DUCKS, HOME)


async def test_a_world_counts_what_it_is_given() -> None:
    """What stands in it is what the services themselves would have left behind."""
    first, second = a_post(), a_post()
    world = a_world().with_post(first).with_post(second)
    author = world.account(first.author)
    assert (author.posts, author.bytes) == (1, first.bytes)
    assert world.kept == [second, first]


async def test_errors_of_the_fake_are_the_unit_s_own(storage: FakeStorage) -> None:
    """Nothing wraps them."""
    account = an_account()

    async def unit(_: UnitOfWork) -> None:
        raise Boom

    with pytest.raises(Boom):
        await storage.transact(account.id, unit)
    with pytest.raises(AccountGone):
        await storage.transact(account.id, lambda work: work.accounts.claim_access(account.id))
