"""Markdown: harmless, and in nobody's way."""

import asyncio
import threading

import pytest

from postkeep.views.markdown import MAX_BYTES, Markdown


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
    slow = asyncio.create_task(markdown.render("*slow*"))
    await asyncio.sleep(0)
    assert await markdown.render("*quick*") is None
    may_end.set()
    assert await slow == "<p><em>slow</em></p>\n"
    assert await markdown.render("*quick*") == "<p><em>quick</em></p>\n"


async def test_a_text_that_is_too_long_is_not_rendered() -> None:
    """It is shown as it is."""
    assert await Markdown().render("é" * (MAX_BYTES // 2)) is not None
    assert await Markdown().render("é" * (MAX_BYTES // 2) + "x") is None


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "[a](javascript:alert(1))", "![a](data:text/html,x)", '<a onclick="x">a</a>']
)
def test_br_08_nothing_of_a_text_acts(text: str) -> None:
    """Neither raw HTML nor addresses that run."""
    html = Markdown().render_now(text)
    assert "<script" not in html
    assert "href" not in html
    assert "<a onclick" not in html
