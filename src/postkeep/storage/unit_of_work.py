"""The unit of work: one transaction's repositories."""

from postkeep.storage.accounts import SqlAccounts
from postkeep.storage.attempts import SqlAttempts
from postkeep.storage.bulk import SqlBulk
from postkeep.storage.edits import SqlEdits
from postkeep.storage.idempotency import SqlKeys
from postkeep.storage.imports import SqlImports
from postkeep.storage.posts import SqlPosts
from postkeep.storage.sessions import SqlSessions
from postkeep.storage.transaction import Transaction


class SqlUnitOfWork:
    """One transaction of one account, one of counting attempts, or one reading, over either kind of database."""

    def __init__(self, transaction: Transaction) -> None:
        """Put the repositories over one transaction."""
        self.accounts = SqlAccounts(transaction)
        self.sessions = SqlSessions(transaction)
        self.posts = SqlPosts(transaction)
        self.edits = SqlEdits(transaction)
        self.bulk = SqlBulk(transaction)
        self.imports = SqlImports(transaction)
        self.keys = SqlKeys(transaction)
        self.attempts = SqlAttempts(transaction)
