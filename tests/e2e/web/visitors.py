"""People who come with a browser, as far as HTTP shows it."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Self

import httpx2

from tests.e2e.clients import TLS, a_password, an_address, remember, remember_request

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_OWN_SCRIPT = r' src="/static/[a-z]+\.[0-9a-f]{12}\.js" defer></script>'
OPEN: list[httpx2.Client] = []
"""Browsers that a test has opened, to be closed behind it."""

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
}


def look_at_page(response: httpx2.Response) -> None:
    """Hold an answer to a browser to what is true of all of them (CASES.md, BR-10, BR-11, BR-16)."""
    response.read()
    headers = response.headers
    assert response.status_code != 500, response.text
    if response.status_code == 303:
        assert headers["location"].startswith("/")
        assert not headers["location"].startswith("//")
        assert headers["cache-control"] == "no-store"
    elif headers["content-type"].startswith("text/html"):
        assert set(headers["content-security-policy"].split("; ")) == POLICY
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["content-language"] in {"en", "ru"}
        assert ("retry-after" in headers) == (response.status_code in {429, 503})
        # Scripts are our own files, and nothing else is one.
        assert not re.search(
            rf"<script(?!{_OWN_SCRIPT})|<style|\bstyle=|\bon[a-z]+=|javascript:", _without_posts(response.text)
        )
    for name, value in (("x-content-type-options", "nosniff"), ("cross-origin-opener-policy", "same-origin")):
        assert headers[name] == value
    for cookie in response.cookies.values():
        remember(cookie, 20)


def _without_posts(html: str) -> str:
    """Return a page without what people wrote."""
    return re.sub(r'<div class="prose.*?</article>|<textarea.*?</textarea>', "", html, flags=re.DOTALL)


def connect_browser(url: str, **headers: str) -> httpx2.Client:
    """Make a client that says what a browser would of requests that our own pages send, and keeps cookies."""
    said = {"Accept": ACCEPT, "Sec-Fetch-Site": "same-origin", "Accept-Language": "en", **headers}
    client = httpx2.Client(
        base_url=url,
        headers=said,
        verify=TLS,
        trust_env=False,
        timeout=30,
        limits=httpx2.Limits(keepalive_expiry=2),
        event_hooks={"request": [remember_request], "response": [look_at_page]},
    )
    OPEN.append(client)
    return client


@dataclass
class Visitor:
    """Somebody with a browser, and perhaps an account."""

    http: httpx2.Client
    email: str = field(default_factory=an_address)
    password: str = field(default_factory=a_password)

    @classmethod
    def comes(cls, url: str, **headers: str) -> Self:
        """Open a browser."""
        return cls(connect_browser(url, **headers))

    @classmethod
    def signs_up(cls, url: str, **headers: str) -> Self:
        """Open an account in a new browser."""
        visitor = cls.comes(url, **headers)
        answer = visitor.submit("/sign-up", email=visitor.email, password=visitor.password)
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
        return visitor

    @property
    def cookie(self) -> str:
        """The session's cookie."""
        return self.http.cookies["postkeep"]

    def elsewhere(self) -> "Visitor":
        """Log in to the same account in another browser."""
        other = Visitor(connect_browser(str(self.http.base_url)), self.email, self.password)
        assert other.log_in().status_code == 303
        return other

    def log_in(self, **fields: str) -> httpx2.Response:
        """Send the log-in form."""
        return self.submit("/log-in", email=self.email, password=self.password, **fields)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Ask for a page."""
        return self.http.get(path, headers=headers)

    def submit(self, path: str, **fields: str) -> httpx2.Response:
        """Send a form; browsers say that it is one where it has no fields, too."""
        return self.http.post(path, data=fields, headers={"Content-Type": "application/x-www-form-urlencoded"})

    def write(self, text: str, **fields: str) -> str:
        """Write a post, and return its page's path."""
        answer = self.submit("/posts/new", text=text, **fields)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].partition("?")[0]

    def headings(self, path: str = "/") -> list[str]:
        """Return what the posts on a page of the list are called."""
        html = self.get(path).text
        return [unescape(heading) for heading in re.findall(r'<h2><a href="/posts/[0-9a-f-]{36}">(.*?)</a>', html)]

    def is_in(self) -> bool:
        """Whether the browser is logged in."""
        return self.get("/account").status_code == 200


def told(response: httpx2.Response) -> list[str]:
    """Return what a form says is wrong, field by field."""
    errors = re.findall(r'<p class="error" id="([a-z_]+)-error">(.*?)</p>', response.text)
    return [f"{name}: {unescape(text)}" for name, text in errors]
