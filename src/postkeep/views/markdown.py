"""Posts' texts as HTML: Markdown, of which nothing can do any harm."""

import asyncio
import re
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

MAX_CELLS: Final = 8 * 1024
"""A text whose tables may have more is shown without any. A row that says nothing has as many cells as the others, so
two kilobytes would be a second's work, and 64 a minute's."""

MAX_LINKED: Final = MAX_BYTES
"""The addresses and titles of a text's links may have so many characters together. Where they have more, because one
that stands in the text once is linked to often, the text is shown without such links, and without tables: half of 64
KiB, linked to from the other half, would be hundreds of megabytes."""

SHORT_BYTES: Final = 8 * 1024
"""Texts up to that have a line of their own: the worst take a tenth of what the worst longer ones do."""

PATIENCE_SECONDS: Final = 3.0
"""Some texts are made to take seconds; whoever waits behind many is better served with the text as it is."""

_EMPTY_LINES: Final = re.compile(r"\n[ \t]*(?=\n)")

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
    """Renders texts beside everything else: one short and one long text at a time.

    Of each account one text at most stands in a line, so that one who has many made to take long holds nobody up for
    longer than one of them takes.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Take CommonMark with tables and struck words, without HTML of the text's own.

        Args:
            patience_seconds: How long a text waits for its account's turn and its own.
        """
        self._patience_seconds = patience_seconds
        self._parser = _parser("strikethrough", "table")
        self._without_tables = _parser("strikethrough")
        self._plain = _parser("strikethrough").disable("reference")
        self._turns = {is_short: asyncio.Lock() for is_short in (True, False)}
        self._turns_of: WeakValueDictionary[tuple[AccountId, bool], asyncio.Lock] = WeakValueDictionary()

    async def render(self, text: str, whose: AccountId) -> Markup | None:
        """Return a text's HTML, or None for one that is too long, or while others take too long.

        Args:
            text: The text.
            whose: The account that wants to see it.
        """
        if len(text) > MAX_BYTES or (size := len(text.encode())) > MAX_BYTES:
            return None
        is_short = size <= SHORT_BYTES
        async with AsyncExitStack() as turns:
            try:
                async with asyncio.timeout(self._patience_seconds):
                    for turn in (self._turns_of.setdefault((whose, is_short), asyncio.Lock()), self._turns[is_short]):
                        await turns.enter_async_context(turn)
            except TimeoutError:
                return None
            return await asyncio.to_thread(self.render_now, text)

    def render_now(self, text: str) -> Markup:
        """Return a text's HTML: what the renderer made of it, and of that only what a list of tags allows.

        Source: OWASP ASVS 5.0 1.3.5 (sanitise what is rendered).
        """
        parser = self._parser if _cells(text) <= MAX_CELLS else self._without_tables
        tokens = parser.parse(text)
        if _linked(tokens) > MAX_LINKED:
            parser = self._plain
            tokens = parser.parse(text)
        _lower_headings(tokens)
        html = parser.renderer.render(tokens, parser.options, {})
        clean = nh3.clean(
            html,
            tags=set(_TAGS),
            attributes=_ATTRIBUTES,
            set_tag_attribute_values=_SCROLLED,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener nofollow noreferrer",
        )
        return Markup(clean)  # noqa: S704 - it has been sanitised just now


def _parser(*rules: str) -> MarkdownIt:
    """Return what reads CommonMark and what these rules are for."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(rules)
    parser.add_render_rule("image", _link_to_image)
    return parser


def _cells(text: str) -> int:
    """Return how many cells the tables of a text have at most: no table goes on behind an empty line."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    blocks = [block.split("\n") for block in _EMPTY_LINES.split(lines) if "|" in block]
    return sum(len(lines) * (1 + max(line.count("|") for line in lines)) for lines in blocks)


def _linked(tokens: Sequence[Token]) -> int:
    """Return how many characters the addresses and titles of a text's links have, as often as they are written."""
    parts = (part for token in tokens for part in token.children or ())
    return sum(len(str(value)) for part in parts for value in part.attrs.values())


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
