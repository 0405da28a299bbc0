"""Posts: one of them, a new one, one to delete, and what one would look like."""

from contextlib import suppress
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from postkeep.controllers.dependencies import Posts
from postkeep.controllers.web.dependencies import CurrentVisit, PreviewForm, SignedIn, WritingForm
from postkeep.controllers.web.route import PageRoute
from postkeep.domain.accounts import AccountId
from postkeep.domain.errors import PostkeepError
from postkeep.domain.idempotency import KeyReused, TooManyKeys, parse_key
from postkeep.domain.posts import PostAbsent, PostId, parse_post_id
from postkeep.services.posts import PostService
from postkeep.views.forms import Entered, read_post
from postkeep.views.markdown import Markdown
from postkeep.views.pages import see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_markdown: Final = Markdown()


@router.get("/posts/new")
async def show_new_post(_caller: SignedIn, visit: CurrentVisit) -> Response:
    """Show an empty sheet."""
    return visit.show("write", entered=Entered())


@router.post("/posts/new")
async def add_post(visit: CurrentVisit, entered: WritingForm, posts: Posts) -> Response:
    """Keep a post. Whatever is in the way of that, what was written comes back."""
    try:
        author = visit.author(entered)
        post_id = await _add_once(author.account_id, entered, posts)
    except PostkeepError as error:
        return await visit.give_back("write", entered, error)
    return see_other(f"/posts/{post_id}?done=added")


@router.post("/posts/preview")
async def preview(caller: SignedIn, visit: CurrentVisit, entered: PreviewForm) -> Response:
    """Show what a text would look like, as Markdown; nothing of it is kept."""
    return visit.show("preview", html=await _markdown.render(entered["text"], caller.account_id))


@router.get("/posts/{post_id}")
async def show_post(post_id: str, caller: SignedIn, visit: CurrentVisit, posts: Posts) -> Response:
    """Show one post."""
    async with visit.large.post(posts, caller, parse_post_id(post_id)) as post:
        html = await _markdown.render(post.text, caller.account_id)
        return await visit.large.make(post.bytes, lambda: visit.show("post", post=post, html=html))


@router.get("/posts/{post_id}/delete")
async def show_deletion(post_id: str, caller: SignedIn, visit: CurrentVisit, posts: Posts) -> Response:
    """Ask whether a post is really to be deleted."""
    async with visit.large.post(posts, caller, parse_post_id(post_id)) as post:
        return await visit.large.make(post.bytes, lambda: visit.show("delete_post", post=post))


@router.post("/posts/{post_id}/delete")
async def delete_post(post_id: str, caller: SignedIn, posts: Posts) -> Response:
    """Delete a post."""
    await posts.delete(caller.account_id, parse_post_id(post_id))
    return see_other("/?done=deleted")


async def _add_once(author: AccountId, entered: Entered, posts: PostService) -> PostId:
    """Keep what a sheet holds, which is sent again by who has not heard that it is kept.

    What has been changed since then, or deleted, is a post of its own.
    """
    text, title, status = read_post(entered)
    with suppress(KeyReused, TooManyKeys, PostAbsent):
        key = parse_key(entered["key"]) if entered["key"] else None
        post = await posts.add(author, text, title=title, status=status, key=key)
        if key is not None:
            await posts.size(author, post.id)
        return post.id
    return (await posts.add(author, text, title=title, status=status)).id
