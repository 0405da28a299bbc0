"""Posts' texts as HTML: Markdown, of which nothing can do any harm."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final
from weakref import WeakValueDictionary

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

from postkeep.domain.accounts import AccountId

MAX_BYTES: Final = 64 * 1024
"""A longer text is shown as it is: rendering a megabyte takes seconds."""

PATIENCE_SECONDS: Final = 3.0
"""Some texts are made to take seconds; whoever waits behind many is better served with the text as it is."""

_TAGS: Final = frozenset(
    {
        *("h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre"),
        *("ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
        *("a", "code", "em", "strong", "s"),
    }
)
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}}
_SCROLLED: Final = {tag: {"tabindex": "0"} for tag in ("pre", "table")}
"""What may be wider than the page, and is scrolled by itself, can be reached by keyboard. Source: WCAG 2.2 2.1.1."""
_LOWEST: Final = 6


class Markdown:
    """Renders texts, one at a time and beside everything else.

    Of each account one text at most stands in the line, so that one who has many made to take long holds nobody up for
    longer than one of them takes.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Take CommonMark with tables and struck words, without HTML of the text's own.

        Args:
            patience_seconds: How long a text waits for its account's turn and its own.
        """
        self._patience_seconds = patience_seconds
        self._parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
        self._parser.add_render_rule("image", _link_to_image)
        self._turn = asyncio.Lock()
        self._turns_of: WeakValueDictionary[AccountId, asyncio.Lock] = WeakValueDictionary()

    async def render(self, text: str, whose: AccountId) -> Markup | None:
        """Return a text's HTML, or None for one that is too long, or while others take too long.

        Args:
            text: The text.
            whose: The account that wants to see it.
        """
        if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
            return None
        async with AsyncExitStack() as turns:
            try:
                async with asyncio.timeout(self._patience_seconds):
                    for turn in (self._turns_of.setdefault(whose, asyncio.Lock()), self._turn):
                        await turns.enter_async_context(turn)
            except TimeoutError:
                return None
            return await asyncio.to_thread(self.render_now, text)

    def render_now(self, text: str) -> Markup:
        """Return a text's HTML: what the renderer made of it, and of that only what a list of tags allows.

        Source: OWASP ASVS 5.0 1.3.5 (sanitise what is rendered).
        """
        tokens = self._parser.parse(text)
        _lower_headings(tokens)
        html = self._parser.renderer.render(tokens, self._parser.options, {})
        clean = nh3.clean(
            html,
            tags=set(_TAGS),
            attributes=_ATTRIBUTES,
            set_tag_attribute_values=_SCROLLED,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener nofollow noreferrer",
        )
        return Markup(clean)  # noqa: S704 - it has been sanitised just now


def _lower_headings(tokens: Sequence[Token]) -> None:
    """Put a text's headings below the page's own, which is the first."""
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + 1, _LOWEST)}"


def _link_to_image(
    _renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """Show an image as a link to it: loading it would tell its server who reads this, and when."""
    source = str(tokens[index].attrGet("src") or "")
    name = "".join(child.content for child in tokens[index].children or []) or source
    del options, env
    return str(Markup('<a href="{}">{}</a>').format(escape(source), escape(name)))
