"""Searching one's own posts."""

from typing import Final

from postkeep.domain.accounts import AccountId
from postkeep.domain.lists import EVERYTHING, Listing, Place
from postkeep.domain.search import Query
from postkeep.services.ports import Storage
from postkeep.services.posts import LONG_BYTES, Page

FOUND_AT_ONCE: Final = 50
"""How many posts are found at most where nobody says how many."""


class SearchService:
    """The use case of searching, which names whose posts it is about."""

    def __init__(self, storage: Storage) -> None:
        """Take where posts are kept."""
        self._storage = storage

    async def find(
        self,
        author: AccountId,
        query: Query,
        listing: Listing = EVERYTHING,
        *,
        limit: int | None = None,
        before: Place | None = None,
    ) -> Page:
        """Find the author's own posts in which each word stands. A page ends early where its posts are long.

        Args:
            author: Whose posts.
            query: What is searched for.
            listing: In which of them, and in what order.
            limit: At most so many (1 or more), or None for as many as are usual.
            before: Only those behind this place.

        Raises:
            SearchUnavailable: Too many search, or it took too long.
            StorageUnavailable: The database does not answer.
        """
        posts, has_more = await self._storage.search(
            author, query, listing, before=before, limit=limit or FOUND_AT_ONCE, about_bytes=LONG_BYTES
        )
        return Page(posts, listing.sort.place_of(posts[-1]) if has_more else None)
