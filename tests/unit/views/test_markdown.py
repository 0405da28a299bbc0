"""Markdown: harmless, and in nobody's way."""

import asyncio
import threading

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postkeep.views.markdown import MAX_BYTES, MAX_CELLS, MAX_LINKED, SHORT_BYTES, Markdown
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


async def test_short_texts_do_not_wait_for_long_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for ten accounts' texts that are made to take a second each, nor for the account's own."""
    markdown, may_end = Markdown(patience_seconds=0.01), threading.Event()
    render_now = markdown.render_now

    def render(text: str) -> object:
        return may_end.wait(30) and "" if len(text) > SHORT_BYTES else render_now(text)

    monkeypatch.setattr(markdown, "render_now", render)
    slow = asyncio.create_task(markdown.render("é" * (SHORT_BYTES // 2) + "x" * SHORT_BYTES, ANN))
    await asyncio.sleep(0)
    rendered = [await markdown.render("x" * SHORT_BYTES, whose) for whose in (ANN, BOB)]
    behind = await markdown.render("x" * (SHORT_BYTES + 1), BOB)
    may_end.set()
    await slow
    assert (None in rendered, behind) == (False, None)


def a_table(columns: int, rows: int) -> str:
    """Return a table in which only the head says something, and one cell of each row."""
    return f"{'a|' * columns}\n{'-|' * columns}\n" + "a\n" * rows


def test_a_table_has_no_more_cells_than_can_be_afforded() -> None:
    """Rows that say nothing have as many as the others: 64 KiB in squares would take a minute, and gigabytes."""
    columns = 15
    rows = MAX_CELLS // (columns + 1) - 3
    markdown = Markdown()
    assert markdown.render_now(a_table(columns, rows)).count("<tr>") == rows + 1
    for text in (a_table(columns, rows + 1), f"{a_table(columns, rows // 2)}\n" * 3):
        assert "<table" not in markdown.render_now(text)


@given(st.text(st.sampled_from("aa||--\n\n\r\t >*\u2028\\"), max_size=60))
@example("a|\u2028b|\u2028c\n-|-|-\na")
@example("> a|b\n> -|-\n> a\r> a\r\n> a\n\na|b\n-|-\n")
def test_no_more_cells_are_made_than_are_counted_beforehand(text: str) -> None:
    """Whatever else ends a line, elsewhere."""
    html = Markdown().render_now(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("postkeep.views.markdown.MAX_CELLS", html.count("<td") + html.count("<th>") - 1)
        assert "<table" not in Markdown().render_now(text)


@pytest.mark.parametrize(
    ("definition", "link"), [("[a]: /{}", "[a] "), ("[a]: /{}", "![][a] "), ("[a]: / '{}'", "[b][a] ")]
)
def test_links_to_what_is_said_elsewhere_repeat_no_more_of_it_than_can_be_afforded(definition: str, link: str) -> None:
    """64 KiB could be half an address and half links to it, whose page would have hundreds of megabytes."""
    said, markdown = definition.format("x" * 1000), Markdown()
    links = MAX_LINKED // len(said) - 1
    assert markdown.render_now(f"{said}\n\n{link * links}").count("<a ") == links
    html = markdown.render_now(f"{said}\n\n> *{link * 2 * links}*")
    assert ("<a " in html, html.count("x" * 1000), html.count("[a]")) == (False, 1, 1 + 2 * links)


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
