"""The storage keeps the contract of its port on every database."""

from tests.contracts.accounts import AccountsContract
from tests.contracts.archive import ArchiveContract
from tests.contracts.attempts import AddressesContract, AttemptsContract
from tests.contracts.edits import BulkContract, EditsContract
from tests.contracts.freshness import FreshnessContract
from tests.contracts.housekeeping import HousekeepingContract
from tests.contracts.idempotency import KeysContract
from tests.contracts.imports import ImportsContract
from tests.contracts.lists import ListsContract, SearchContract
from tests.contracts.posts import PostsContract
from tests.contracts.sessions import SessionsContract
from tests.contracts.storage import StorageContract
from tests.contracts.transfer import TransferContract


class TestStorage(StorageContract):
    """Units and readings."""


class TestAccounts(AccountsContract):
    """Accounts."""


class TestSessions(SessionsContract):
    """Sessions."""


class TestPosts(PostsContract):
    """Posts."""


class TestEdits(EditsContract):
    """Edits."""


class TestBulk(BulkContract):
    """Many posts at once."""


class TestLists(ListsContract):
    """Lists."""


class TestSearch(SearchContract):
    """Searching."""


class TestImports(ImportsContract):
    """Several posts at once."""


class TestTransfer(TransferContract):
    """Taking out and bringing in."""


class TestKeys(KeysContract):
    """Idempotency keys."""


class TestAttempts(AttemptsContract):
    """Counts of attempts."""


class TestAddresses(AddressesContract):
    """Where accounts were logged in from."""


class TestHousekeeping(HousekeepingContract):
    """What is over, of people who never come back."""


class TestFreshness(FreshnessContract):
    """Stamps."""


class TestArchive(ArchiveContract):
    """A database as a whole."""
