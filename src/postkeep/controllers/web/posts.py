"""Posts: the newest ones, one of them, a new one, one to delete."""

from contextlib import aclosing
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from postkeep.controllers.dependencies import Cursors, Posts
from postkeep.controllers.web.dependencies import CurrentVisit, SignedIn, Visit, WritingForm
from postkeep.controllers.web.route import PageRoute
from postkeep.domain.errors import PostkeepError
from postkeep.domain.posts import parse_post_id
from postkeep.domain.sessions import SignedOut
from postkeep.services.posts import LongPage, Page
from postkeep.services.sessions import Caller
from postkeep.views.excerpts import Excerpt, excerpts
from postkeep.views.forms import Entered, read_post
from postkeep.views.markdown import Markdown
from postkeep.views.pages import see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

POSTS_PER_PAGE: Final = 20

_markdown: Final = Markdown()


@router.get("/")
async def show_posts(visit: CurrentVisit, posts: Posts, cursors: Cursors) -> Response:
    """Show somebody's posts, newest first; to everybody else, what this is."""
    if visit.caller is None:
        return visit.show("landing", entered=Entered())
    return await _show_page(visit, visit.caller, posts, cursors)


@router.get("/posts/new")
async def show_new_post(_caller: SignedIn, visit: CurrentVisit) -> Response:
    """Show an empty sheet."""
    return visit.show("write", entered=Entered())


@router.post("/posts/new")
async def add_post(visit: CurrentVisit, entered: WritingForm, posts: Posts) -> Response:
    """Keep a post. Whatever is in the way of that, what was written comes back."""
    try:
        if visit.caller is None:
            raise SignedOut
        text, title, status = read_post(entered)
        post = await posts.add(visit.caller.account_id, text, title=title, status=status)
    except PostkeepError as error:
        return visit.show_again("write", entered, error)
    return see_other(f"/posts/{post.id}?done=added")


@router.get("/posts/{post_id}")
async def show_post(post_id: str, caller: SignedIn, visit: CurrentVisit, posts: Posts) -> Response:
    """Show one post."""
    post = await posts.get(caller.account_id, parse_post_id(post_id))
    return visit.show("post", post=post, html=await _markdown.render(post.text))


@router.get("/posts/{post_id}/delete")
async def show_deletion(post_id: str, caller: SignedIn, visit: CurrentVisit, posts: Posts) -> Response:
    """Ask whether a post is really to be deleted."""
    post = await posts.get(caller.account_id, parse_post_id(post_id))
    return visit.show("delete_post", post=post)


@router.post("/posts/{post_id}/delete")
async def delete_post(post_id: str, caller: SignedIn, posts: Posts) -> Response:
    """Delete a post."""
    await posts.delete(caller.account_id, parse_post_id(post_id))
    return see_other("/?done=deleted")


async def _show_page(visit: Visit, caller: Caller, posts: Posts, cursors: Cursors) -> Response:
    """Show as many posts as fit, and the way to the next ones."""
    cursor = visit.request.query_params.get("cursor")
    before = None if cursor is None else cursors.read(caller.account_id, cursor)
    page = await posts.page(caller.account_id, limit=POSTS_PER_PAGE, before=before, size=caller.stamp.list_bytes)
    following = None if page.last is None else cursors.write(caller.account_id, page.last)
    return visit.show("posts", excerpts=await _excerpts(page), following=following, is_first=before is None)


async def _excerpts(page: Page | LongPage) -> list[Excerpt]:
    """Take what is shown of a page; of one that is too long to be held as a whole, part by part."""
    if isinstance(page, Page):
        return excerpts(page.posts)
    async with aclosing(page.parts) as parts:
        return [excerpt async for part in parts for excerpt in excerpts(part)]
