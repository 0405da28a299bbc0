"""Taking out: everything that somebody keeps here, as it is at one moment."""

import logging

from postkeep.domain.accounts import AccountId
from postkeep.services.ports import Storage
from postkeep.services.streaming import LongList, begin_list

log = logging.getLogger(__name__)


class ExportService:
    """The use case of taking everything out."""

    def __init__(self, storage: Storage) -> None:
        """Take where everything is kept."""
        self._storage = storage

    async def begin(self, author: AccountId, *, size: int = 0) -> LongList:
        """Begin to read all posts of somebody, in bounded memory.

        They come newest first, as lists do: there is one order in which they are read at one moment, and whoever brings
        them in again needs none, since ids and dates come along.

        Args:
            author: Whose posts.
            size: About how many bytes the list of all of them has.

        Raises:
            StorageUnavailable: The database does not answer, or too many long lists are being read.
        """
        everything = await begin_list(self._storage, author, size=size)
        log.info("posts_exported", extra={"account": author})
        return everything
