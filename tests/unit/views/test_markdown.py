"""Markdown: harmless, and in nobody's way."""

import asyncio
import threading

import pytest

from postkeep.views.markdown import MAX_BYTES, Markdown
from tests.builders import an_account_id

ANN, BOB = an_account_id(), an_account_id()


async def test_whoever_waits_behind_a_text_made_to_take_long_gets_the_text_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One account's brackets must not keep everybody's posts."""
    markdown, may_end = Markdown(patience_seconds=0.01), threading.Event()
    render_now = markdown.render_now

    def wait_and_render(text: str) -> object:
        may_end.wait(30)
        return render_now(text)

    monkeypatch.setattr(markdown, "render_now", wait_and_render)
    slow = asyncio.create_task(markdown.render("*slow*", ANN))
    await asyncio.sleep(0)
    assert await markdown.render("*quick*", BOB) is None
    may_end.set()
    assert await slow == "<p><em>slow</em></p>\n"
    assert await markdown.render("*quick*", BOB) == "<p><em>quick</em></p>\n"


async def test_who_has_many_texts_rendered_stands_in_the_line_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others wait for one of them, not for all that came before theirs."""
    markdown, rendered = Markdown(patience_seconds=30), list[str]()
    monkeypatch.setattr(markdown, "render_now", rendered.append)
    async with asyncio.TaskGroup() as all_at_once:
        for text in ("1", "2", "3"):
            all_at_once.create_task(markdown.render(text, ANN))
        all_at_once.create_task(markdown.render("other", BOB))
    assert rendered == ["1", "other", "2", "3"]


async def test_a_text_that_is_too_long_is_not_rendered() -> None:
    """It is shown as it is."""
    assert await Markdown().render("é" * (MAX_BYTES // 2), ANN) is not None
    assert await Markdown().render("é" * (MAX_BYTES // 2) + "x", ANN) is None


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "[a](javascript:alert(1))", "![a](data:text/html,x)", '<a onclick="x">a</a>']
)
def test_br_08_nothing_of_a_text_acts(text: str) -> None:
    """Neither raw HTML nor addresses that run."""
    html = Markdown().render_now(text)
    assert "<script" not in html
    assert "href" not in html
    assert "<a onclick" not in html
