"""The pages over HTTP: what they show, take and refuse (docs/cases.md, Browsers)."""

import gzip
import re
from html import unescape
from pathlib import Path
from urllib.parse import quote_plus

import httpx2
import pytest

from tests.e2e.clients import TLS, Person, a_password, a_text, an_address
from tests.e2e.conftest import settings_for
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer
from tests.e2e.web.visitors import ACCEPT, Visitor, connect_browser, told

PATHS = ("/", "/posts/new", "/account", "/account/password", "/account/import", "/account/delete", "/nothing")
FORMS = ("/sign-up", "/log-in", "/log-out", "/language", "/posts/new", "/account/password", "/account/delete")


@pytest.fixture
def ann(sqlite_server: PostkeepServer) -> Visitor:
    """Open an account in a browser."""
    return Visitor.signs_up(sqlite_server.url)


class TestSigningUp:
    """Accounts."""

    def test_a_new_account_is_logged_in(self, sqlite_server: PostkeepServer) -> None:
        """With an empty list, and a way to fill it."""
        visitor = Visitor.signs_up(sqlite_server.url)
        page = visitor.get("/")
        assert "Nothing here yet" in page.text
        assert 'href="/posts/new"' in page.text

    def test_what_was_typed_stays_but_the_password(self, sqlite_server: PostkeepServer) -> None:
        """The reason stands beside its field, and is tied to it for who hears the page."""
        visitor = Visitor.comes(sqlite_server.url)
        password = "short"
        answer = visitor.submit("/sign-up", email=visitor.email, password=password)
        assert (answer.status_code, told(answer)) == (422, ["password: A password has at least 8 characters."])
        assert f'value="{visitor.email}"' in answer.text
        assert f'"{password}"' not in answer.text
        assert re.search(r'id="password"[^>]*aria-invalid="true" aria-describedby="password-error', answer.text)

    def test_everything_that_is_wrong_is_told_at_once(self, sqlite_server: PostkeepServer) -> None:
        """Nobody should have to send a form twice to hear of two mistakes."""
        answer = Visitor.comes(sqlite_server.url).submit("/sign-up", email="nobody", password="x")
        assert [line.partition(":")[0] for line in told(answer)] == ["email", "password"]

    def test_a_taken_address_is_told(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """As the API does."""
        answer = Visitor.comes(sqlite_server.url).submit("/sign-up", email=ann.email, password=a_password())
        assert answer.status_code == 409
        assert told(answer) == ["email: This address has an account already. Log in instead."]

    def test_one_account_for_pages_and_api(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """The same sessions, the same posts."""
        person = Person(sqlite_server.http, ann.email, ann.password)
        person.keep(person.login())
        person.add("from the API", title="Hello")
        ann.write("from the page")
        assert ann.headings() == ["from the page", "Hello"]
        assert person.texts() == ["from the page", "from the API"]


class TestLoggingIn:
    """Sessions."""

    def test_a_wrong_password_and_an_unknown_address_look_alike(
        self, ann: Visitor, sqlite_server: PostkeepServer
    ) -> None:
        """Nobody learns who has an account here."""
        known = Visitor.comes(sqlite_server.url).submit("/log-in", email=ann.email, password=a_password())
        unknown = Visitor.comes(sqlite_server.url).submit("/log-in", email=an_address(), password=a_password())
        assert known.status_code == unknown.status_code == 403
        assert "The address or the password is wrong." in known.text
        shown = [re.sub(r'value="[^"]*@example.com"', "", answer.text) for answer in (known, unknown)]
        assert shown[0] == shown[1]

    def test_whoever_is_not_logged_in_is_led_there_and_back(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """To the very page that was asked for."""
        path = ann.write(a_text())
        stranger = Visitor(connect_browser(sqlite_server.url), ann.email, ann.password)
        led = stranger.get(path)
        assert (led.status_code, led.headers["location"]) == (303, f"/log-in?next=%2Fposts%2F{path[7:]}")
        form = stranger.get(led.headers["location"])
        assert f'name="next" value="{path}"' in form.text
        assert stranger.log_in(next=path).headers["location"] == path

    @pytest.mark.parametrize(
        "following", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a b", "/\r\nX: y", ""]
    )
    def test_br_16_nobody_is_led_to_another_site(self, ann: Visitor, following: str) -> None:
        """Whatever somebody wrote into the address of the log-in page."""
        shown = connect_browser(str(ann.http.base_url)).get("/log-in", params={"next": following})
        assert 'name="next" value="/"' in shown.text
        assert ann.log_in(next=following).headers["location"] == "/"

    def test_pw_25_a_login_ends_the_session_that_the_browser_had(
        self, ann: Visitor, sqlite_server: PostkeepServer
    ) -> None:
        """A session that somebody else planted or knows is worth nothing afterwards."""
        before = ann.cookie
        assert ann.log_in().status_code == 303
        assert ann.cookie != before
        assert ann.is_in()
        old = connect_browser(sqlite_server.url)
        old.cookies.set("postkeep", before)
        assert not Visitor(old).is_in()

    def test_pw_25_a_sign_up_does_so_too(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """Two accounts, one browser, one session."""
        before = ann.cookie
        ann.submit("/sign-up", email=an_address(), password=ann.password)
        old = connect_browser(sqlite_server.url)
        old.cookies.set("postkeep", before)
        assert not Visitor(old).is_in()

    def test_pw_26_the_query_says_nothing(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """Queries end up in histories and logs; credentials in them neither work nor come back."""
        visitor = Visitor.comes(sqlite_server.url)
        query = {"email": ann.email, "password": ann.password}
        shown = visitor.http.get("/log-in", params=query)
        for value in (ann.email, ann.password):
            assert value not in shown.text
            assert quote_plus(value) not in shown.text
        assert visitor.http.post("/log-in", params=query, data={"next": "/"}).status_code == 403
        assert not visitor.is_in()

    def test_logging_out_ends_the_session(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """At the server, not just in the browser."""
        stolen = connect_browser(sqlite_server.url)
        stolen.cookies.set("postkeep", ann.cookie)
        assert Visitor(stolen).is_in()
        assert ann.submit("/log-out").status_code == 303
        assert not Visitor(stolen).is_in()
        assert "postkeep" not in ann.http.cookies

    def test_br_17_logging_out_clears_what_the_browser_kept(self, ann: Visitor) -> None:
        """Pages and drafts; also a second time."""
        for _ in range(2):
            answer = ann.submit("/log-out")
            assert answer.headers["clear-site-data"] == '"cache", "storage"'
            assert "postkeep=; Path=/; Max-Age=0" in answer.headers["set-cookie"]
        assert "clear-site-data" not in ann.get("/posts/new").headers


class TestCookie:
    """What a browser holds."""

    def test_br_06_the_cookie_is_this_browser_s_alone(self, sqlite_server: PostkeepServer) -> None:
        """On plain http to this very machine it goes without Secure, which some browsers ask TLS for even there."""
        visitor = Visitor.comes(sqlite_server.url)
        answer = visitor.submit("/sign-up", email=visitor.email, password=visitor.password)
        value, *attributes = answer.headers["set-cookie"].split("; ")
        assert re.fullmatch(r"postkeep=[A-Za-z0-9_-]{91}", value)
        assert set(attributes) == {"Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Lax"}

    def test_br_06_by_tls_it_is_bound_to_host_and_tls(self, behind_tls: PostkeepServer) -> None:
        """As the proxy tells that it came."""
        visitor = Visitor.comes(behind_tls.url, **{"X-Forwarded-Proto": "https", "Host": "posts.example"})
        answer = visitor.submit("/sign-up", email=visitor.email, password=visitor.password)
        value, *attributes = answer.headers["set-cookie"].split("; ")
        assert value.startswith("__Host-postkeep=")
        assert set(attributes) == {"Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Lax", "Secure"}

    def test_br_06_a_cookie_of_the_other_name_opens_nothing(self, ann: Visitor) -> None:
        """Whoever can plant a plain cookie by http gets nothing by TLS, nor the other way round."""
        stranger = connect_browser(str(ann.http.base_url))
        stranger.cookies.set("__Host-postkeep", ann.cookie)
        assert not Visitor(stranger).is_in()

    def test_without_tls_nobody_is_let_in_from_elsewhere(self, sqlite_server: PostkeepServer) -> None:
        """The browser would drop the cookie; the page says so instead of showing the form again and again."""
        visitor = Visitor.comes(sqlite_server.url, Host="x", Origin="http://x")
        answer = visitor.submit("/sign-up", email=visitor.email, password=visitor.password)
        assert (answer.status_code, "https" in answer.text) == (403, True)

    def test_br_18_a_cookie_that_came_twice_or_is_too_long_is_refused(self, ann: Visitor) -> None:
        """Which of two is right would be a guess; and the browser is told to forget it."""
        for cookie in (f"postkeep={ann.cookie}; postkeep={ann.cookie}", f"postkeep={'x' * 201}"):
            answer = connect_browser(str(ann.http.base_url)).get("/account", headers={"Cookie": cookie})
            assert answer.status_code == 400
            assert "postkeep=; Path=/; Max-Age=0" in answer.headers["set-cookie"]

    @pytest.mark.parametrize("cookie", ["", "x", "=", "AAAA" * 22 + "AAA", "ä", '"', "null", "undefined"])
    def test_nonsense_is_nobody(self, sqlite_server: PostkeepServer, cookie: str) -> None:
        """It is led to the log-in page."""
        with Wire(sqlite_server) as wire:
            wire.send(
                f"GET /account HTTP/1.1\r\nHost: x\r\nAccept: {ACCEPT}\r\nCookie: __Host-postkeep={cookie}\r\n\r\n"
            )
            assert wire.answer().status == 303

    def test_br_04_the_api_ignores_cookies_and_the_page_tokens(
        self, ann: Visitor, sqlite_server: PostkeepServer
    ) -> None:
        """So that no page of another site can use the API in somebody's name."""
        for path in ("/api/v1/posts", "/getPosts", "/api/v1/me"):
            answer = sqlite_server.http.get(path, headers={"Cookie": f"postkeep={ann.cookie}"})
            assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
        for token in (ann.cookie, Person.signs_up(sqlite_server.http).access):
            stranger = Visitor.comes(sqlite_server.url, Authorization=f"Bearer {token}")
            assert not stranger.is_in()
            assert "Open an account" in stranger.get("/").text
        refused = sqlite_server.http.get("/api/v1/me", headers={"Authorization": f"Bearer {ann.cookie}"})
        assert refused.status_code == 401

    def test_a_disabled_session_is_over_in_every_process(self, server: PostkeepServer, second: PostkeepServer) -> None:
        """The rows are those of the API, and nothing that is remembered outlives them."""
        here = Visitor.signs_up(server.url)
        there = connect_browser(second.url)
        there.cookies.set("postkeep", here.cookie)
        assert Visitor(there).is_in()
        assert Visitor(there).get("/").status_code == 200
        person = Person(server.http, here.email, here.password)
        person.keep(person.login())
        assert server.http.delete("/api/v1/sessions", headers=person.authorization).status_code == 204
        assert not Visitor(there).is_in()
        assert "Open an account" in Visitor(there).get("/").text
        assert not here.is_in()


class TestOrigins:
    """Forms of other sites (CSRF)."""

    @pytest.mark.parametrize(
        "said",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "cross-site", "Origin": "OWN"},
            {"Sec-Fetch-Site": "", "Origin": "OWN"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "OWN.evil.example"},
            {},
        ],
    )
    def test_br_01_br_02_br_03_a_form_of_another_site_does_nothing(self, ann: Visitor, said: dict[str, str]) -> None:
        """Logging in and signing up included; without any word of where it comes from, too."""
        own = str(ann.http.base_url).rstrip("/")
        headers = {name: value.replace("OWN", own) for name, value in said.items()}
        fields = {"email": an_address(), "password": ann.password, "text": a_text(), "language": "ru"}
        with httpx2.Client(base_url=own, cookies=dict(ann.http.cookies), trust_env=False, verify=TLS) as client:
            answers = [client.post(path, data=fields, headers={"Accept": ACCEPT, **headers}) for path in FORMS]
        assert {answer.status_code for answer in answers} == {403}
        assert not [answer for answer in answers if "set-cookie" in answer.headers]
        assert all("This came from another site" in unescape(answer.text) for answer in answers)
        assert ann.is_in()
        assert ann.headings() == []

    @pytest.mark.parametrize("said", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "OWN"}])
    def test_br_02_our_own_form_is_taken(self, ann: Visitor, said: dict[str, str]) -> None:
        """Also of a browser that knows nothing of Sec-Fetch-Site."""
        own = str(ann.http.base_url).rstrip("/")
        headers = {name: value.replace("OWN", own) for name, value in said.items()}
        with httpx2.Client(base_url=own, cookies=dict(ann.http.cookies), trust_env=False, verify=TLS) as client:
            assert client.post("/posts/new", data={"text": a_text()}, headers=headers).status_code == 303

    def test_br_02_behind_a_proxy_our_origin_is_what_the_proxy_says(self, behind_tls: PostkeepServer) -> None:
        """The scheme as it is forwarded, the host as it was asked for."""
        forwarded = {"X-Forwarded-Proto": "https", "Host": "posts.example", "Accept": ACCEPT}
        for origin, expected in (
            ("https://posts.example", 403),
            ("http://posts.example", 403),
            ("https://posts.example:8443", 403),
        ):
            answer = httpx2.post(
                f"{behind_tls.url}/log-in",
                data={"email": an_address(), "password": a_password()},
                headers={**forwarded, "Origin": origin},
                trust_env=False,
                verify=TLS,
            )
            is_ours = origin == "https://posts.example"
            assert answer.status_code == expected
            assert ("password is wrong" in answer.text) == is_ours

    def test_br_05_a_form_cannot_pretend_to_be_json(self, ann: Visitor) -> None:
        """Pages take forms, and the API takes JSON; nothing takes what a form could send in its place."""
        for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json"):
            answer = ann.http.post("/posts/new", content=b'{"text": "x"}', headers={"Content-Type": kind})
            assert answer.status_code == 415
        assert ann.headings() == []


class TestPosts:
    """Writing, reading and deleting."""

    @pytest.mark.parametrize(
        "text",
        [
            "one line",
            "\n two\n\n lines \n",
            "tab\tand é 🦆 \u200d \u202e",
            "<b>&amp;</b> %0D%0A +",
            "</textarea><script>",
        ],
    )
    def test_a_text_is_kept_as_it_was_typed(self, ann: Visitor, sqlite_server: PostkeepServer, text: str) -> None:
        """Browsers send line ends as CR LF, whatever was typed: they are kept as LF."""
        ann.write(text.replace("\n", "\r\n"))
        person = Person(sqlite_server.http, ann.email, ann.password)
        assert person.keep(person.login()).texts() == [text]

    def test_every_text_fits_that_the_api_takes(self, ann: Visitor) -> None:
        """However much longer a form makes it: up to six times."""
        size = 1024 * 1024
        for text in ("я" * (size // 2), "x" + "\n" * (size - 1)):
            path = ann.write(text.replace("\n", "\r\n"))
            assert ann.submit(f"{path}/delete").status_code == 303
        answer = ann.submit("/posts/new", text="x" * size, title="y")
        assert (answer.status_code, told(answer)) == (
            413,
            ["text: The text and the title are longer than 1 MB together."],
        )
        assert "x" * size in answer.text
        answer = ann.http.post("/posts/new", content=b"text=" + b"x" * (7 * size), headers=_FORM)
        assert answer.status_code == 413

    @pytest.mark.parametrize("path", ["/posts/new", "/posts/0190b5a4-0000-7000-8000-000000000000/edit"])
    def test_a_text_much_longer_than_a_post_does_not_come_back(
        self, ann: Visitor, sqlite_server: PostkeepServer, path: str
    ) -> None:
        """Not even to who is not logged in, for whom a form of 6 MiB would become a page of 31 MB."""
        for visitor in (ann, Visitor.comes(sqlite_server.url)):
            answer = visitor.http.post(path, content=b"text=" + b'"' * (6 * 1024 * 1024), headers=_FORM)
            assert answer.status_code == 413
            assert len(answer.content) < 16 * 1024
            assert "longer than 1 MB together" in answer.text

    def test_what_was_written_comes_back_with_what_is_wrong(self, ann: Visitor) -> None:
        """Text, title and status."""
        answer = ann.submit("/posts/new", text="\n kept <i>\n", title="t" * 201, status="draft")
        assert (answer.status_code, told(answer)[0][:6]) == (422, "title:")
        assert "<textarea" in answer.text
        assert ">\n\n kept &lt;i&gt;\n</textarea>" in answer.text
        assert f'value="{"t" * 201}"' in answer.text
        # Whoever hears the page hears that first.
        assert "<title>Error: A new post " in answer.text
        assert 'value="draft" checked' in answer.text

    @pytest.mark.parametrize(
        ("language", "said"),
        [("en", "Only you see this post, whatever its status."), ("ru", "Запись видите только вы, в каком бы")],
    )
    def test_the_sheet_says_who_sees_a_post(self, ann: Visitor, language: str, said: str) -> None:
        """Whoever reads "Published" beside a diary must not wonder; tied to the choice for who hears the page."""
        for path in ("/posts/new", f"{ann.write('a post')}/edit"):
            page = ann.get(path, **{"Accept-Language": language}).text
            assert f'<p class="hint" id="status-hint">{said}' in page
            assert '<fieldset class="choice" aria-describedby="status-hint">' in page

    def test_a_text_survives_the_end_of_the_session(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """It comes back, with a way to log in beside it; in a window of its own, so that it stays."""
        ann.elsewhere().submit("/account/sessions/end-others")
        text = a_text()
        answer = ann.submit("/posts/new", text=text, title="Still here")
        assert answer.status_code == 403
        assert text in answer.text
        assert 'href="/log-in" target="_blank"' in answer.text
        # Storage is not cleared: drafts may lie there.
        assert "clear-site-data" not in answer.headers
        del sqlite_server

    def test_a_sheet_that_is_sent_again_adds_nothing(self, ann: Visitor) -> None:
        """Whoever did not hear that it was kept does so; what has been changed or deleted since is a new post."""
        found = re.search(r'name="key" value="([^"]+)"', ann.get("/posts/new").text)
        assert found is not None
        first = ann.write("a post", key=found[1])
        assert ann.write("a post", key=found[1]) == first
        assert ann.headings() == ["a post"]
        ann.write("another post", key=found[1])
        ann.submit(f"{first}/delete")
        ann.write("a post", key=found[1])
        assert ann.headings() == ["a post", "another post"]

    def test_newest_first_and_twenty_to_a_page(self, ann: Visitor) -> None:
        """The next page begins where this one ends, also when a post was deleted meanwhile."""
        paths = [ann.write(f"post {number}") for number in range(23)]
        assert ann.headings() == [f"post {number}" for number in range(22, 2, -1)]
        following = re.search(r'rel="next" href="([^"]+)"', ann.get("/").text)
        assert following is not None
        ann.submit(f"{paths[3]}/delete")
        second = ann.get(following[1])
        assert ann.headings(following[1]) == ["post 2", "post 1", "post 0"]
        assert 'rel="next"' not in second.text
        assert "Newest posts" in second.text
        assert ann.get("/?cursor=nonsense").status_code == 422
        assert ann.get("/?q=%ff").status_code == 422

    def test_long_posts_are_listed_by_what_they_begin_with(self, ann: Visitor) -> None:
        """Nobody's list becomes megabytes; a post of more than 64 KiB is shown as it is."""
        paths = [ann.write(f"begin {number} " + "word " * 200_000) for number in range(3)]
        assert [heading[:7] for heading in ann.headings()] == ["begin 2", "begin 1", "begin 0"]
        assert len(ann.get("/").content) < 20_000
        shown = ann.get(paths[0]).text
        assert 'class="prose verbatim" dir="auto">begin 0 word' in shown

    @pytest.mark.parametrize("title", ["", "\u200b\u2060"])
    def test_a_post_of_which_nothing_can_be_seen_can_be_opened(self, ann: Visitor, title: str) -> None:
        """Zero-width characters are no white space, but a link of nothing else is there for nobody."""
        path = ann.write("\u200b\u200d", title=title)
        assert ann.headings() == ["Without a title"]
        assert ">Without a title</h1>" in ann.get(path).text
        assert "<title>A post " in ann.get(path).text

    def test_deleting_asks_first(self, ann: Visitor) -> None:
        """A link alone deletes nothing."""
        path = ann.write(a_text(), title="Going")
        asked = ann.get(f"{path}/delete")
        assert "Delete this post?" in asked.text
        assert ann.headings() == ["Going"]
        assert ann.submit(f"{path}/delete").headers["location"] == "/?done=deleted"
        assert ann.headings() == []
        assert ann.get(path).status_code == ann.submit(f"{path}/delete").status_code == 404

    def test_a_stranger_s_post_is_nothing(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """Exactly like one that is not there."""
        path = ann.write(a_text())
        stranger = Visitor.signs_up(sqlite_server.url)
        for asked in (path, f"{path}/delete", "/posts/nothing", "/posts/nothing/delete"):
            assert stranger.get(asked).status_code == 404
        assert stranger.submit(f"{path}/delete").status_code == 404
        assert len(ann.headings()) == 1

    def test_br_08_markdown_does_no_harm(self, ann: Visitor) -> None:
        """HTML stays text, links of other schemes stay text, images are links, and no link tells who sent one."""
        shown = ann.get(
            ann.write(
                "# Head\n<script>alert(1)</script> <img src=x onerror=alert(1)>\n\n"
                "[a](javascript:alert(1)) [b](data:text/html,x) [c](https://c.example) ![d](https://d.example/d.png)"
            )
        ).text
        prose = shown.partition('<div class="prose">')[2].partition("</div>")[0]
        assert "<h2>Head</h2>" in prose
        assert set(re.findall(r"<(\w+)", prose)) <= {"h2", "p", "a"}
        links = re.findall(r"<a ([^>]*)>", prose)
        assert links == [
            f'href="https://{place}" rel="noopener nofollow noreferrer"' for place in ("c.example", "d.example/d.png")
        ]


class TestAccount:
    """One's own account."""

    def test_the_account_shows_what_is_kept_and_where_it_is_open(self, ann: Visitor) -> None:
        """This browser is marked, and each other one can be signed out."""
        ann.write("twelve bytes")
        other = ann.elsewhere()
        page = ann.get("/account").text
        assert ann.email in page
        assert "1 post, 12 bytes" in page
        assert page.count("This one") == 1
        (path,) = re.findall(r'action="(/account/sessions/[0-9a-f-]{36}/end)"', page)
        assert ann.submit(path).status_code == 303
        assert not other.is_in()
        assert ann.is_in()
        assert ann.submit(path).status_code == 404

    def test_signing_out_everywhere_else(self, ann: Visitor) -> None:
        """This browser stays."""
        others = [ann.elsewhere() for _ in range(2)]
        assert ann.submit("/account/sessions/end-others").status_code == 303
        assert [other.is_in() for other in (*others, ann)] == [False, False, True]

    def test_nobody_is_told_of_another_account_that_its_sessions_have_ended(
        self, ann: Visitor, sqlite_server: PostkeepServer
    ) -> None:
        """Whoever wants a stranger out of one account, and is in another by now, must not think that he is."""
        ben = Visitor.signs_up(sqlite_server.url)
        stranger, elsewhere = ann.elsewhere(), ben.elsewhere()
        (account,) = re.findall(r'name="account" value="([0-9a-f-]{36})"', ann.get("/account").text)
        refused = ben.submit("/account/sessions/end-others", account=account)
        assert (refused.status_code, "Another account is logged in" in refused.text) == (409, True)
        assert (stranger.is_in(), elsewhere.is_in()) == (True, True)
        assert ann.submit("/account/sessions/end-others", account=account).status_code == 303
        assert not stranger.is_in()

    def test_another_password(self, ann: Visitor) -> None:
        """It takes the one so far; other sessions end, this one stays."""
        other, new = ann.elsewhere(), a_password()
        wrong = ann.submit("/account/password", password=a_password(), new_password=new)
        assert (wrong.status_code, told(wrong)) == (403, ["password: This is not your password."])
        weak = ann.submit("/account/password", password=ann.password, new_password="password1")
        assert (weak.status_code, told(weak)[0][:9]) == (422, "new_passw")
        assert ann.submit("/account/password", password=ann.password, new_password=new).status_code == 303
        assert (ann.is_in(), other.is_in()) == (True, False)
        ann.password = new
        assert ann.elsewhere().is_in()

    def test_leaving(self, ann: Visitor) -> None:
        """With the password, and nothing stays."""
        ann.write(a_text())
        wrong = ann.submit("/account/delete", password=a_password())
        assert (wrong.status_code, told(wrong)) == (403, ["password: This is not your password."])
        left = ann.submit("/account/delete", password=ann.password)
        assert (left.status_code, left.headers["clear-site-data"]) == (303, '"cache", "storage"')
        assert "Your account is deleted" in ann.get(left.headers["location"]).text
        assert "Your account is deleted" not in ann.get("/").text
        assert ann.log_in().status_code == 403

    @pytest.mark.parametrize("path", ["/account/delete", "/account/password"])
    def test_a_form_of_another_account_does_nothing_even_where_both_have_one_password(
        self, ann: Visitor, sqlite_server: PostkeepServer, path: str
    ) -> None:
        """In another tab somebody has logged in to another account of theirs: not the one that the form names."""
        ben = Visitor.signs_up(sqlite_server.url)
        assert ann.submit("/account/password", password=ann.password, new_password=ben.password).status_code == 303
        ann.password = ben.password
        (account,) = re.findall(r'name="account" value="([0-9a-f-]{36})"', ann.get(path).text)
        given = {"account": account, "password": ben.password, "new_password": a_password()}
        refused = ben.submit(path, **given)
        assert (refused.status_code, "Another account is logged in" in refused.text) == (409, True)
        assert [each.log_in().status_code for each in (ben, ann)] == [303, 303]
        assert ann.submit(path, **given).status_code == 303

    def test_no_link_says_that_an_account_was_deleted(self, sqlite_server: PostkeepServer) -> None:
        """Somebody else may write one, to whoever happens to be logged out."""
        page = Visitor.comes(sqlite_server.url).get("/?done=account")
        assert (page.status_code, "Your account is deleted" in page.text) == (200, False)

    def test_br_19_password_fields_help_password_managers(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """Hidden letters, the right tokens, and nothing that keeps anybody from pasting."""
        pages = [Visitor.comes(sqlite_server.url).get(path).text for path in ("/", "/sign-up", "/log-in")]
        pages += [ann.get(path).text for path in ("/account/password", "/account/delete")]
        fields = [field for page in pages for field in re.findall(r'<input id="(?:new_)?password"[^>]*>', page)]
        assert len(fields) == 6
        assert all('type="password"' in field for field in fields)
        tokens = [token for field in fields for token in re.findall(r'autocomplete="([^"]+)"', field)]
        assert tokens == [
            *["new-password"] * 2,
            "current-password",
            "current-password",
            "new-password",
            "current-password",
        ]
        assert all('autocomplete="username"' in page for page in pages)


class TestRefusals:
    """Pages that say no."""

    @pytest.mark.parametrize("language", ["en", "ru"])
    def test_every_page_is_whole_in_both_languages(self, ann: Visitor, language: str) -> None:
        """It says which it is in, and of what its answer depends."""
        stranger = Visitor.comes(str(ann.http.base_url))
        asked = [*((ann, path) for path in PATHS), *((stranger, path) for path in ("/", "/sign-up", "/log-in"))]
        for visitor, path in asked:
            page = visitor.get(path, **{"Accept-Language": language})
            self.is_whole(page, language)

    def is_whole(self, page: httpx2.Response, language: str) -> None:
        """Hold a page to what makes it one."""
        assert f'<html lang="{language}">' in page.text
        assert page.headers["content-language"] == language
        assert page.headers["vary"] == "Accept-Encoding, Accept-Language, Cookie"
        assert page.text.count("<h1") == page.text.count("<main") == 1

    def test_br_10_a_browser_gets_a_page_and_a_program_a_problem(self, sqlite_server: PostkeepServer) -> None:
        """By the path, and by what is asked for."""
        browser = connect_browser(sqlite_server.url)
        for path in ("/nothing", "/posts/x/y", "/static/nothing"):
            page, problem = browser.get(path), sqlite_server.http.get(path)
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "Nothing here" in page.text
            assert page.headers["x-request-id"] in page.text
            assert problem.headers["content-type"] == "application/problem+json"
            assert page.status_code == problem.status_code == 404
        for path in ("/api/v1/nothing", "/getPosts", "/api/v1/posts"):
            assert browser.get(path).headers["content-type"] == "application/problem+json"
        refused = browser.get("/log-out")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
        assert "Not this way" in refused.text

    def test_a_foreign_host_is_told_so_in_words(self, sqlite_server: PostkeepServer) -> None:
        """Without a word of what it was."""
        answer = connect_browser(sqlite_server.url).get("/", headers={"Host": "evil.example"})
        assert answer.status_code == 400
        assert "does not go by the name" in answer.text
        assert "evil" not in answer.text

    @pytest.mark.parametrize(
        "body", [b"a=1&a=2", b"text=%ff", b"text=\xff", b"&".join([b"a%d=1" % n for n in range(21)])]
    )
    def test_a_form_that_no_page_sends_is_refused(self, ann: Visitor, body: bytes) -> None:
        """As a page, and without a trace."""
        answer = ann.http.post("/posts/new", content=body, headers=_FORM)
        assert (answer.status_code, "text/html" in answer.headers["content-type"]) == (400, True)

    def test_nobody_s_long_form_is_read_where_one_must_be_logged_in(self, sqlite_server: PostkeepServer) -> None:
        """It is answered before its body has come."""
        with Wire(sqlite_server) as wire:
            wire.send(
                "POST /account/password HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\n"
                f"Accept: {ACCEPT}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9000\r\n\r\n"
            )
            assert wire.answer().status == 303

    def test_too_many_attempts_are_told_on_the_form(self, few_attempts: PostkeepServer) -> None:
        """They are counted with those of the API; what was typed stays."""
        visitor = Visitor.signs_up(few_attempts.url)
        visitor.submit("/log-out")
        answers = [visitor.submit("/log-in", email=visitor.email, password=a_password()) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [403, 403, 403, 429]
        assert "too many attempts" in answers[-1].text
        assert f'value="{visitor.email}"' in answers[-1].text
        api = few_attempts.http.post("/api/v1/login", json={"email": visitor.email, "password": visitor.password})
        assert api.status_code == 429


class TestLanguage:
    """Which language somebody gets."""

    def test_the_server_s_own_is_for_browsers_that_name_none_of_ours(self, tmp_path: Path) -> None:
        """As the setting says; what a browser names comes before it."""
        with PostkeepServer(tmp_path, {**settings_for(), "POSTKEEP_LANGUAGE": "ru"}).running() as server:
            visitor = Visitor.comes(server.url)
            said = [visitor.get("/", **{"Accept-Language": asked}) for asked in ("de", "en", "")]
        assert [page.headers["content-language"] for page in said] == ["ru", "en", "ru"]
        assert ">Храните то, что пишете.</h1>" in said[0].text

    def test_what_was_chosen_counts_most(self, ann: Visitor) -> None:
        """More than what the browser prefers; and it leads back to where it was chosen."""
        assert ">Your posts</h1>" in ann.get("/").text
        answer = ann.submit("/language", language="ru", back="/account?x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/account?x=1")
        assert ">Ваши записи</h1>" in ann.get("/").text
        ann.submit("/language", language="en", back="/")
        assert ">Your posts</h1>" in ann.get("/", **{"Accept-Language": "ru"}).text

    def test_what_was_done_is_not_said_again(self, ann: Visitor) -> None:
        """Whoever chooses a language comes back to the same list, which has nothing new to say."""
        shown = ann.get("/?q=a+duck&status=draft&done=deleted")
        assert 'name="back" value="/?q=a+duck&amp;status=draft"' in shown.text
        assert 'name="back" value="/account"' in ann.get("/account?done=password").text

    def test_on_a_refusal_of_a_button_it_leads_to_a_page_that_there_is(self, ann: Visitor) -> None:
        """A button's address has none: choosing a language there was refused once more."""
        path = ann.write(a_text())
        ann.submit(f"{path}/delete")
        refused = ann.submit(f"{path}/status", status="draft", version="1")
        assert (refused.status_code, 'name="back" value="/"' in refused.text) == (404, True)
        assert f'name="back" value="{path}"' in ann.get(path).text

    @pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "", "/\\evil.example"])
    def test_br_16_choosing_one_leads_nowhere_else(self, ann: Visitor, back: str) -> None:
        """Wherever the form says that it came from."""
        assert ann.submit("/language", language="xx", back=back).headers["location"] == "/"

    @pytest.mark.parametrize(
        ("language", "lists", "own"),
        [
            ("en", ["All", "Drafts", "Published", "Archived"], "Draft"),
            ("ru", ["Все", "Черновики", "Опубликованные", "В архиве"], "Черновик"),
        ],
    )
    def test_lists_go_by_many_and_a_post_by_one(self, ann: Visitor, language: str, lists: list[str], own: str) -> None:
        """In Russian, these are different words."""
        ann.write("a post", status="draft")
        page = ann.get("/", **{"Accept-Language": language}).text
        filters = page.partition('<nav class="filters"')[2].partition("</nav>")[0]
        assert [name.strip() for name in re.findall(r"<a[^>]*>([^<]*)<", filters)] == lists
        assert re.findall(r'<span class="status">\s*(.*?)\s*</span>', page) == [own]

    def test_russian_plurals_are_right(self, ann: Visitor) -> None:
        """1 запись, 2 записи, 5 записей."""
        for number in range(1, 6):
            ann.write(f"{number}")
            if number in {1, 2, 5}:
                shown = ann.get("/account", **{"Accept-Language": "ru"}).text
                assert f"{number} {({1: 'запись', 2: 'записи', 5: 'записей'})[number]}," in shown


class TestSpeed:
    """What pages cost."""

    def test_the_first_page_is_small_with_all_its_parts(self, ann: Visitor) -> None:
        """At most 60 KB over the wire for twenty posts, style sheet and icon included; one address for each content."""
        for number in range(20):
            ann.write(f"post {number} " + "many different words " * 50, title=f"Title {number}")
        page = ann.get("/", **{"Accept-Encoding": "gzip"})
        parts = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
        assert {path.rpartition(".")[2] for path in parts} == {"css", "js", "svg", "png", "webmanifest"}
        total = int(page.headers["content-length"])
        for path in parts:
            answer = ann.get(path, **{"Accept-Encoding": "gzip"})
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            total += int(answer.headers["content-length"])
        assert page.headers["content-encoding"] == "gzip"
        assert total < 60_000

    def test_a_page_comes_whole_to_who_takes_no_gzip(self, ann: Visitor) -> None:
        """The same page."""
        ann.write("a post")
        plain, packed = ann.get("/", **{"Accept-Encoding": "identity"}), ann.get("/", **{"Accept-Encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert plain.text == packed.text
        with Wire(_Port(ann)) as wire:
            wire.send(
                f"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: postkeep={ann.cookie}\r\nAccept-Encoding: gzip\r\n\r\n"
            )
            assert gzip.decompress(wire.answer().body).decode() == plain.text

    def test_a_page_costs_no_list_when_nothing_has_changed(
        self, server: PostkeepServer, second: PostkeepServer
    ) -> None:
        """It comes from the memory of each process, as its log says, until its owner changes something in any."""
        here, stranger = Visitor.signs_up(server.url), Visitor.signs_up(server.url)
        there = Visitor(connect_browser(second.url))
        there.http.cookies.set("postkeep", here.cookie)

        def told() -> list[str]:
            pairs = ((server, here), (second, there))
            answers = [(process, visitor.get("/").headers["x-request-id"]) for process, visitor in pairs]
            return [process.logged(request_id)["cache"] for process, request_id in answers]

        assert [told(), told()] == [["miss", "miss"], ["hit", "hit"]]
        stranger.write("a stranger's")
        assert told() == ["hit", "hit"]
        here.write("one's own")
        assert [told(), told()] == [["miss", "miss"], ["hit", "hit"]]

    def test_the_list_is_never_older_than_the_request(self, server: PostkeepServer, second: PostkeepServer) -> None:
        """Written here, seen there, and gone there when it is gone here; in every language."""
        here = Visitor.signs_up(server.url)
        there = Visitor(connect_browser(second.url))
        there.http.cookies.set("postkeep", here.cookie)
        for number in range(3):
            path = here.write(f"post {number}")
            assert there.headings() == here.headings() == [f"post {number}"]
            assert "Ваши записи" in there.get("/", **{"Accept-Language": "ru"}).text
            here.submit(f"{path}/delete")
            assert there.headings() == here.headings() == []

    def test_nobody_sees_another_one_s_page(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """What is remembered is found by its owner alone, and not by who was logged out."""
        ben = Visitor.signs_up(sqlite_server.url)
        ann.write("of ann")
        ben.write("of ben")
        for _ in range(3):
            assert (ann.headings(), ben.headings()) == (["of ann"], ["of ben"])
            assert Visitor.comes(sqlite_server.url).headings() == []


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class _Port:
    """Where a visitor's server listens."""

    def __init__(self, visitor: Visitor) -> None:
        self.port = int(str(visitor.http.base_url.port))
