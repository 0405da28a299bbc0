"""Lists of posts: the newest ones, those of a status, those with some words."""

from contextlib import aclosing
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from postkeep.controllers.dependencies import Cursors, Posts, Search, read_query
from postkeep.controllers.large_texts import size_of
from postkeep.controllers.web.dependencies import CurrentVisit, Visit
from postkeep.controllers.web.route import PageRoute
from postkeep.domain.lists import Listing, Summary
from postkeep.domain.posts import Status, parse_status
from postkeep.domain.search import Query, QueryInvalid
from postkeep.services.ports import SearchUnavailable
from postkeep.services.posts import LongPage, Page, PostService
from postkeep.services.sessions import Caller
from postkeep.views.excerpts import Excerpt, excerpts, found_excerpts
from postkeep.views.forms import Entered

router = APIRouter(route_class=PageRoute, include_in_schema=False)

POSTS_PER_PAGE: Final = 20


@router.get("/")
async def show_posts(visit: CurrentVisit, posts: Posts, search: Search, cursors: Cursors) -> Response:
    """Show somebody's posts, newest first; to everybody else, what this is."""
    if visit.caller is None:
        return visit.show("landing", entered=Entered(), has_left=visit.has_left)
    author, listing = visit.caller.account_id, _listing(visit)
    sought, cursor = visit.request.query_params.get("q", "").strip(), visit.request.query_params.get("cursor")
    before = None if cursor is None else cursors.read(author, cursor, listing, sought)
    size = visit.caller.stamp.list_bytes
    shown: dict[str, Any] = {  # as templates take it
        "address": _address(listing.status, sought),
        "counts": _counts(await _summary(visit.caller, posts), sought),
        "is_first": before is None,
        "sought": sought,
        "listed": listing.status,
    }
    try:
        # A field with nothing in it asks for nothing.
        query = read_query(visit.request, sought) if sought else None
        if query is None:
            page: Page | LongPage = await posts.page(author, listing, limit=POSTS_PER_PAGE, before=before, size=size)
        else:
            page = await search.find(author, query, listing, limit=POSTS_PER_PAGE, before=before)
    except (QueryInvalid, SearchUnavailable) as error:
        # What was typed stays where it can be changed.
        return visit.show_again("posts", Entered(), error, **shown, excerpts=[], following=None)
    following = None if page.last is None else cursors.write(author, page.last, listing, sought)
    shown["following"] = following and _address(listing.status, sought, following)
    return visit.show("posts", **shown, entered=Entered(), excerpts=await _excerpts(visit, page, query))


def _listing(visit: Visit) -> Listing:
    """Say which posts are meant.

    Raises:
        StatusInvalid: Those of a status that there is not.
    """
    given = visit.request.query_params.get("status", "")
    return Listing(status=parse_status(given) if given else None)


async def _summary(caller: Caller, posts: PostService) -> Summary:
    """Count somebody's posts."""
    return await posts.summarise(caller.account_id, size=caller.stamp.list_bytes)


def _counts(summary: Summary, sought: str) -> list[tuple[Status | None, int, str]]:
    """Return how many posts there are of each status, and where those are shown in which the same is found."""
    counted = (
        (None, summary.posts),
        (Status.DRAFT, summary.drafts),
        (Status.PUBLISHED, summary.published),
        (Status.ARCHIVED, summary.archived),
    )
    return [(status, count, _address(status, sought)) for status, count in counted]


def _address(status: Status | None, sought: str, cursor: str = "") -> str:
    """Return where a list is shown."""
    asked = {"q": sought, "status": status or "", "cursor": cursor}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/?{query}" if query else "/"


async def _excerpts(visit: Visit, page: Page | LongPage, query: Query | None) -> list[Excerpt]:
    """Take what is shown of a page; of one that is too long to be held as a whole, part by part."""
    if isinstance(page, Page):
        posts, size = page.posts, size_of(page.posts, query)
        async with visit.large.turn(visit.whose, size):
            return await visit.large.make(
                size, lambda: excerpts(posts) if query is None else found_excerpts(posts, query)
            )
    async with aclosing(page.parts) as parts:
        return [excerpt async for part in parts for excerpt in excerpts(part)]
