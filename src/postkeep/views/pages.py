"""The pages: templates, in the language of whoever asks, with what browsers are told about them."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import Headers, QueryParams
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from postkeep.domain.accounts import PASSWORD_MAX_LENGTH
from postkeep.domain.posts import MAX_BODY_BYTES, Status
from postkeep.services.sessions import Caller
from postkeep.views import languages
from postkeep.views.assets import Assets
from postkeep.views.cookies import CookieInvalid, read_cookie, session_cookie_name, set_cookie
from postkeep.views.devices import device_name
from postkeep.views.excerpts import seen
from postkeep.views.figures import Figures
from postkeep.views.languages import LANGUAGES, Language, choose_language, translations
from postkeep.views.long_lines import LONGEST, has_long_line
from postkeep.views.messages import EXPLANATIONS, REASONS, SENTENCES, TITLES

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';"
        " manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    # With no-referrer, browsers would send "Origin: null" with our own forms. Source: Fetch Standard, 3.2.2.
    "Referrer-Policy": "same-origin",
    "Vary": "Accept-Encoding, Accept-Language, Cookie",
}
"""What browsers are told about every page. Source: OWASP ASVS 5.0 3.4.3, 3.4.5, 3.4.6, 14.3.2."""

LOG_IN: Final = "/log-in"

_HEEDED: Final = frozenset({"cursor", "next", "q", "status"})
"""What pages go by in an address. Nothing else comes back: not what was done, nor what has no place there (PW-26)."""


class Pages:
    """Makes pages, and refusals that look like them."""

    def __init__(self, *, language: Language, password_min_length: int, has_docs: bool) -> None:
        """Take the server's own language, and what else the pages say of its settings."""
        self.assets = Assets()
        self._language: Language = language
        self._environments: dict[Language, Environment] = {}
        self._globals: dict[str, Any] = {
            "asset": self.assets.url,
            "device_name": device_name,
            "explanations": EXPLANATIONS,
            "has_docs": has_docs,
            "has_long_line": has_long_line,
            "languages": LANGUAGES,
            "longest_line": LONGEST,
            "new_key": lambda: secrets.token_urlsafe(16),
            "limits": {
                "password_least": password_min_length,
                "password_most": PASSWORD_MAX_LENGTH,
                "bytes_most": MAX_BODY_BYTES,
            },
            "reasons": REASONS,
            "sentences": SENTENCES,
            "statuses": [status.value for status in Status],
            "titles": TITLES,
        }

    def language(self, scope: Scope) -> Language:
        """Choose the language of whoever asks."""
        try:
            chosen = read_cookie(scope, languages.COOKIE)
        except CookieInvalid:
            chosen = ""
        return choose_language(chosen, Headers(scope=scope).get("accept-language", ""), self._language)

    def show(
        self,
        scope: Scope,
        name: str,
        context: Mapping[str, object],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Make a page.

        Args:
            scope: Of the request that it answers.
            name: The template's, without its suffix.
            context: What the template shows.
            status: The HTTP status.
            headers: Besides those of every page.
        """
        language = self.language(scope)
        visitor: Caller | None = scope["state"].get("visitor")
        template = self._environment(language).get_template(f"{name}.html")
        usual = {
            "done": _query(scope).get("done", ""),
            "language": language,
            "path": scope["path"],
            "here": _address(scope),
            "signed_in": visitor is not None,
            "visitor_id": "" if visitor is None else str(visitor.account_id),
        }
        html = template.render({**usual, **context})
        return HTMLResponse(html, status, {**HEADERS, "Content-Language": language, **(headers or {})})

    def refuse(self, scope: Scope, status: int, code: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Make the page that says what is wrong; whoever is not logged in is asked to do so instead."""
        if status == HTTPStatus.UNAUTHORIZED:
            return self.ask_to_log_in(scope)
        given = {"Set-Cookie": self.forget_session(scope)} if code == CookieInvalid.code else {}
        return self.show(
            scope,
            "refused",
            {
                # What a form was sent to may be no page.
                "here": _address(scope) if scope["method"] == "GET" else "/",
                "code": code,
                "refused_status": status,
                "request_id": scope["state"]["request_id"],
            },
            status=status,
            headers={**(headers or {}), **given},
        )

    def ask_to_log_in(self, scope: Scope) -> Response:
        """Lead to the log-in page, and from there back to the page that was asked for, if it was one."""
        query = f"?{urlencode({'next': scope['path']})}" if scope["method"] == "GET" and scope["path"] != "/" else ""
        return see_other(f"{LOG_IN}{query}", {"Set-Cookie": self.forget_session(scope)})

    def forget_session(self, scope: Scope) -> str:
        """Have a browser forget its session's cookie."""
        return set_cookie(scope, session_cookie_name(scope), "", seconds=0)

    def _environment(self, language: Language) -> Environment:
        """Return what renders templates in a language, made when it is first needed."""
        if language not in self._environments:
            environment = Environment(
                loader=PackageLoader("postkeep.views"),
                autoescape=True,
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                extensions=["jinja2.ext.i18n"],
            )
            said = translations(language)
            environment.install_gettext_translations(said, newstyle=True)  # type: ignore[attr-defined]  # the extension's
            figures = Figures(said)
            environment.filters |= {
                "date": figures.date,
                "number": figures.number,
                "seen": seen,
                "size": figures.size,
            }
            environment.globals |= self._globals
            self._environments[language] = environment
        return self._environments[language]


def see_other(path: str, headers: Mapping[str, str] | None = None) -> Response:
    """Lead to a page of our own, without a word of the host that the browser asked."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store", **(headers or {})})


def _address(scope: Scope) -> str:
    """Return what a browser can be led back to: the page, or where the page with the form is."""
    given = _query(scope).multi_items() if scope["method"] == "GET" else ()
    query = urlencode([(name, value) for name, value in given if name in _HEEDED])
    return f"{scope['path']}?{query}" if query else str(scope["path"])


def _query(scope: Scope) -> QueryParams:
    """Return what was asked for: read once for each request, by a page's route or here."""
    state = scope["state"]
    if "query" not in state:
        state["query"] = QueryParams(scope["query_string"])
    query: QueryParams = state["query"]
    return query
