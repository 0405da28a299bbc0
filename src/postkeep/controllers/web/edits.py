"""Edits: a post that is written anew, and one that is given another status."""

from fastapi import APIRouter
from starlette.responses import Response

from postkeep.controllers.dependencies import Posts
from postkeep.controllers.web.dependencies import CurrentVisit, SignedIn, SmallForm, Visit, WritingForm
from postkeep.controllers.web.route import PageRoute
from postkeep.domain.edits import Changes, VersionConflict, Versions
from postkeep.domain.errors import PostkeepError
from postkeep.domain.posts import MAX_BODY_BYTES, Post, PostAbsent, parse_post_id, parse_status
from postkeep.services.posts import PostService
from postkeep.services.sessions import Caller
from postkeep.views.forms import AccountChanged, Entered, read_post, read_version
from postkeep.views.pages import see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/posts/{post_id}/edit")
async def show_edit(post_id: str, caller: SignedIn, visit: CurrentVisit, posts: Posts) -> Response:
    """Show a post on a sheet to write on, with the version that an edit starts from."""
    async with visit.large.post(posts, caller, parse_post_id(post_id)) as post:
        return await visit.large.make(post.bytes, lambda: visit.show("edit", entered=Entered.of(post), post_id=post_id))


@router.post("/posts/{post_id}/edit")
async def edit_post(post_id: str, visit: CurrentVisit, entered: WritingForm, posts: Posts) -> Response:
    """Keep what a post says now. Whatever is in the way of that, what was written comes back."""
    try:
        await _edit(visit.author(entered), post_id, entered, posts)
    except VersionConflict as error:
        return await _show_both(visit, post_id, entered, posts, error)
    except (PostAbsent, AccountChanged) as error:
        # Here is nothing that it could change, but it can still be kept: as a new post.
        return await visit.give_back("write", entered, error)
    except PostkeepError as error:
        return await visit.give_back("edit", entered, error, post_id=post_id)
    return see_other(f"/posts/{post_id}?done=edited")


@router.post("/posts/{post_id}/status")
async def change_status(post_id: str, caller: SignedIn, entered: SmallForm, posts: Posts) -> Response:
    """Give a post another status, if it is still the one that was shown."""
    changes = Changes(status=parse_status(entered["status"]))
    try:
        await posts.edit(caller.account_id, parse_post_id(post_id), changes, Versions.only(read_version(entered)))
    except VersionConflict:
        return see_other(f"/posts/{post_id}?done=outdated")
    return see_other(f"/posts/{post_id}?done=status")


async def _edit(caller: Caller, post_id: str, entered: Entered, posts: PostService) -> None:
    """Make the edit that a form asks for."""
    text, title, status = read_post(entered)
    changes = Changes(text=text, title=title, sets_title=True, status=status)
    await posts.edit(caller.account_id, parse_post_id(post_id), changes, Versions.only(read_version(entered)))


async def _show_both(
    visit: Visit, post_id: str, entered: Entered, posts: PostService, error: VersionConflict
) -> Response:
    """Show what was written beside what another edit has made of the post; saving once more replaces that."""
    caller = visit.author(entered)
    size = min(caller.stamp.list_bytes, MAX_BODY_BYTES)

    def show(theirs: Post) -> Response:
        if (theirs.text, theirs.title, theirs.status) == read_post(entered):
            # It was kept already, by who has not heard of it.
            return see_other(f"/posts/{post_id}?done=edited")
        entered.start_from(theirs.version)
        return visit.show_again("conflict", entered, error, post_id=post_id, theirs=theirs)

    async with visit.large.turn(caller.account_id, entered.size + size):
        try:
            theirs = await posts.get(caller.account_id, parse_post_id(post_id), size=size)
        except PostkeepError as gone:
            refused = gone
        else:
            return await visit.large.make(entered.size + theirs.bytes, lambda: show(theirs))
    return await visit.give_back("write", entered, refused)
