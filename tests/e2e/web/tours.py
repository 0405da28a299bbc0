"""All pages that there are, each as somebody comes to see it: long words, empty lists and refusals included."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
from playwright.sync_api import Page, Route

from postkeep.views.languages import Language
from postkeep.views.pages import Pages
from tests.e2e.clients import a_password
from tests.e2e.web.visitors import Visitor
from tests.e2e.web.windows import Look, Window

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
LONG_ADDRESS = "@".join(["a" * 40 + "-%s", ".".join(["b" * 60] * 3)]) + ".example.com"
MARKDOWN = f"""# Heading

## {LONG_WORD}

A *paragraph* with a [link](https://example.com/{LONG_WORD}), `code` and ~~an end~~. {LONG_WORD}

- one
- two
  1. three

> quoted

```
{"code " * 60}
```

| {" | ".join(["column"] * 12)} |
|{"---|" * 12}
| {" | ".join(["cell"] * 12)} |

---

![an image](https://example.com/x.png)
"""
_SHOWN = "/shown"
_RARE = {
    408: "request_too_slow",
    414: "target_too_long",
    431: "head_too_large",
    500: "internal_error",
    503: "storage_unavailable",
}
_POSTS = 21


@dataclass(frozen=True)
class Stop:
    """A page on the way.

    Attributes:
        name: What it is called here.
        visitor: Who sees it; None for somebody who is not logged in.
        path: Where it is.
        html: What a form was answered with, where no path leads there.
    """

    name: str
    visitor: Visitor | None
    path: str = _SHOWN
    html: str = ""

    def show(self, window: Window) -> Page:
        """Have a window show it."""
        page = window.page
        window.enter(self.visitor)
        if not self.html:
            page.goto(self.path)
            return page

        def answer(route: Route) -> None:
            route.fulfill(body=self.html, content_type="text/html; charset=utf-8")

        page.route(f"**{_SHOWN}", answer)
        page.goto(self.path)
        page.unroute(f"**{_SHOWN}", answer)
        return page


@dataclass
class Tour:
    """Somebody who has everything, somebody who has nothing, and somebody who is not logged in.

    Attributes:
        url: Of a server.
        hurried: Of another one, where an account may send ten requests at once.
        look: How they look at pages.
    """

    url: str
    hurried: str
    look: Look
    owner: Visitor = field(init=False)
    newcomer: Visitor = field(init=False)
    post: str = field(init=False)
    long_post: str = field(init=False)

    def __post_init__(self) -> None:
        """Open the accounts, and write."""
        self.newcomer = Visitor.signs_up(self.url, **self._headers)
        self.owner = self._comes()
        self.owner.email = LONG_ADDRESS % self.newcomer.email.partition("@")[0]
        assert self.owner.submit("/sign-up", email=self.owner.email, password=self.owner.password).status_code == 303
        for number in range(_POSTS - 3):
            self.owner.write(f"{LONG_WORD} {number}\nand more of it", status="published" if number else "draft")
        self.long_post = self.owner.write(f"{LONG_WORD} " * 500)
        self.owner.write("Without a title", status="draft")
        self.post = self.owner.write(MARKDOWN, title=("W" * 150 + " title").ljust(200, "!"))

    def stops(self) -> Iterator[Stop]:
        """Go through all pages."""
        yield from self._by_strangers()
        yield from self._by_people()
        yield from self._refusals()

    def _by_strangers(self) -> Iterator[Stop]:
        for path in ("/", "/sign-up", "/log-in?next=%2Faccount", "/?done=log-out", "/?done=account"):
            yield Stop(f"stranger {path}", None, path)
        stranger = self._comes()
        yield _answered("sign-up refused", None, stranger.submit("/sign-up", email="nobody" * 40, password="x"), 422)
        known = {"email": self.newcomer.email, "password": a_password()}
        yield _answered("sign-up taken", None, stranger.submit("/sign-up", **known), 409)
        yield _answered("log-in refused", None, stranger.submit("/log-in", **known), 403)

    def _by_people(self) -> Iterator[Stop]:
        post = self.post
        searches = ("/?q=title", "/?q=nothing+like+it", f"/?q={'a+' * 17}")
        lists = ("/", "/?done=deleted", "/?status=draft", "/?status=archived", *searches)
        posts = (post, f"{post}?done=added", f"{post}?done=outdated", f"{post}/edit", f"{post}/delete", self.long_post)
        own = (
            "/posts/new",
            "/account",
            "/account?done=sessions",
            "/account/password",
            "/account/import",
            "/account/delete",
        )
        following = self.owner.get("/").text.partition('rel="next" href="')[2].partition('"')[0]
        for path in (*lists, following.replace("&amp;", "&"), *posts, *own):
            yield Stop(path.partition("cursor")[0].replace(post, "/post"), self.owner, path)
        yield Stop("no posts yet", self.newcomer, "/")

    def _refusals(self) -> Iterator[Stop]:
        owner, post = self.owner, self.post
        written = {"text": MARKDOWN, "title": "T" * 201, "status": "draft"}
        yield _answered("write refused", owner, owner.submit("/posts/new", **written), 422)
        yield _answered("edit refused", owner, owner.submit(f"{post}/edit", **written, version="1"), 422)
        yield _answered("write logged out", None, self._comes().submit("/posts/new", text=LONG_WORD), 403)
        yield _answered("edit of nothing", owner, owner.submit(f"{post[:-4]}0000/edit", text="x", version="1"), 404)
        edited = owner.submit(f"{post}/status", status="archived", version="1")
        owner.submit(f"{post}/status", status="published", version="2")
        assert edited.status_code == 303
        mine = {"text": f"mine {LONG_WORD}", "title": "Mine", "version": "1"}
        yield _answered("conflict", owner, owner.submit(f"{post}/edit", **mine), 412)
        wrong = {"password": a_password(), "new_password": "short"}
        yield _answered("password refused", owner, owner.submit("/account/password", **wrong), 422)
        yield _answered("leaving refused", owner, owner.submit("/account/delete", password=a_password()), 403)
        yield _answered("import with remarks", owner, self._brings(b'{"text": " "}\n{"text": "good"}'), 200)
        yield _answered("import refused", owner, self._brings(b"no posts"), 422)
        yield Stop("404", None, f"/{'nothing' * 30}")
        yield _answered("413", owner, owner.submit("/account/password", password="x" * 100_000), 413)
        yield _answered("429", None, self._many(), 429)
        for status, code in _RARE.items():
            yield Stop(f"{status}", None, html=drawn_refusal(self.look.language, status, code))

    def _brings(self, content: bytes) -> httpx2.Response:
        return self.owner.http.post("/account/import", files={"file": (f"{LONG_WORD}.jsonl", content)})

    def _many(self) -> httpx2.Response:
        visitor = Visitor.signs_up(self.hurried, **self._headers)
        answers = [visitor.get("/account") for _ in range(15)]
        return answers[-1]

    @property
    def _headers(self) -> dict[str, str]:
        return {"Accept-Language": self.look.language}

    def _comes(self) -> Visitor:
        return Visitor.comes(self.url, **self._headers)


def drawn_refusal(language: Language, status: int, code: str) -> str:
    """Draw the page of a refusal that takes a broken server or a broken wire to come about (test_refusals.py)."""
    scope: dict[str, Any] = {
        "type": "http",
        "scheme": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "state": {"request_id": "5f3c9a0e1b2d4c68"},
    }
    pages = Pages(language=language, password_min_length=8, has_docs=True)
    return bytes(pages.refuse(scope, status, code).body).decode()


def _answered(name: str, visitor: Visitor | None, answer: httpx2.Response, status: int) -> Stop:
    assert answer.status_code == status, answer.text
    return Stop(name, visitor, html=answer.text)
