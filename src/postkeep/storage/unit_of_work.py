"""The unit of work: one transaction's repositories."""

from postkeep.storage.accounts import SqlAccounts
from postkeep.storage.posts import SqlPosts
from postkeep.storage.sessions import SqlSessions
from postkeep.storage.transaction import Transaction


class SqlUnitOfWork:
    """One transaction of one account, or one reading, over either kind of database."""

    def __init__(self, transaction: Transaction) -> None:
        """Put the repositories over one transaction."""
        self.accounts = SqlAccounts(transaction)
        self.sessions = SqlSessions(transaction)
        self.posts = SqlPosts(transaction)
