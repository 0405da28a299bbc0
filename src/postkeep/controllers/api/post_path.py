"""The path of one post, beside which others begin alike."""

from typing import Final

from starlette.convertors import StringConvertor, register_url_convertor


class _PostName(StringConvertor):
    """What stands in a post's place: anything, but what is the name of another resource."""

    # What follows is the pattern's end: a name that only begins so is a post's.
    regex = "(?!(?:bulk|summary)$)[^/]+"


register_url_convertor("post", _PostName())

ONE_POST: Final = "/posts/{postID:post}"
"""Without that, the methods of /posts/bulk would be those of a post of this name: 404 instead of 405."""
