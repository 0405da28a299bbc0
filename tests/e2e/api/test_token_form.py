"""Tokens by form, as OAuth 2 clients ask for them (RFC 6749: 4.3, 5.1, 5.2, 6)."""

from datetime import timedelta

import httpx2
import pytest

from tests.e2e.api.test_sessions import is_dead, let_pass
from tests.e2e.clients import Person, a_password, an_address, comparable, problem_of
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

FORM = "application/x-www-form-urlencoded"


def ask(server: PostkeepServer, **members: str | list[str]) -> httpx2.Response:
    """Send a form."""
    return server.http.post("/api/v1/token", data=members)


def ask_raw(server: PostkeepServer, body: str | bytes, content_type: str = FORM) -> httpx2.Response:
    """Send a form as it stands here."""
    content = body.encode() if isinstance(body, str) else body
    return server.http.post("/api/v1/token", content=content, headers={"Content-Type": content_type})


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """Return the status and the OAuth 2 error of an answer."""
    return answer.status_code, answer.json()["error"]


@pytest.fixture(scope="module")
def ann(sqlite_server: PostkeepServer) -> Person:
    """Return somebody with an account."""
    return Person.signs_up(sqlite_server.http)


def test_a_password_gets_tokens(server: PostkeepServer) -> None:
    """The docs page and every OAuth 2 library log in like this (RFC 6749 4.3, 5.1)."""
    person = Person.signs_up(server.http)
    answer = ask(server, grant_type="password", username=person.email, password=person.password)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("bearer", 900)
    assert person.at(server.http).keep(answer).me().status_code == 200


def test_a_refresh_token_gets_the_next_ones(server: PostkeepServer) -> None:
    """The same rotation as by JSON (RFC 6749 6)."""
    person = Person.signs_up(server.http)
    answer = ask(server, grant_type="refresh_token", refresh_token=person.refresh)
    after = person.at(server.http).keep(answer)
    assert after.refresh != person.refresh
    assert after.me().status_code == 200


def test_tk_23_a_refresh_token_used_again_ends_the_session_here_too(sqlite_server: PostkeepServer) -> None:
    """A thief must not find a door without the lock."""
    person = Person.signs_up(sqlite_server.http)
    after = person.at(sqlite_server.http).keep(
        ask(sqlite_server, grant_type="refresh_token", refresh_token=person.refresh)
    )
    let_pass(sqlite_server, person, timedelta(seconds=31))
    answer = ask(sqlite_server, grant_type="refresh_token", refresh_token=person.refresh)
    assert error_of(answer) == (400, "invalid_grant")
    assert is_dead(after)


@pytest.mark.parametrize(
    "more", [{"scope": "read write"}, {"client_id": "app"}, {"client_secret": "none"}, {"audience": "x"}]
)
def test_what_is_not_needed_is_ignored(sqlite_server: PostkeepServer, ann: Person, more: dict[str, str]) -> None:
    """Libraries send what others ask for; unknown parameters are ignored (RFC 6749 3.2)."""
    answer = ask(sqlite_server, grant_type="password", username=ann.email, password=ann.password, **more)
    assert answer.status_code == 200


@pytest.mark.parametrize("authorization", ["Basic YXBwOnNlY3JldA==", "Basic", "Bearer nonsense", ""])
def test_a_client_may_name_itself_in_a_header(sqlite_server: PostkeepServer, ann: Person, authorization: str) -> None:
    """Clients without a secret of their own send an empty one; it decides nothing here."""
    answer = sqlite_server.http.post(
        "/api/v1/token",
        data={"grant_type": "password", "username": ann.email, "password": ann.password},
        headers={"Authorization": authorization},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "password", ["a+b c%20d&e=f;g", "пароль из слов", "\U0001f986" * 8, "  spaces  ", 'quotes " and \\']
)
def test_a_form_carries_every_password(sqlite_server: PostkeepServer, password: str) -> None:
    """Spaces, plus signs and letters of any script arrive as they were typed."""
    person = Person.signs_up(sqlite_server.http, password=password)
    assert ask(sqlite_server, grant_type="password", username=person.email, password=password).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "",
        "&&&",
        "=",
        "grant_type",
        "grant_type=",
        "username={email}&password={password}",
        "grant_type=&username={email}&password={password}",
        "grant_type=password",
        "grant_type=password&username={email}",
        "grant_type=password&password={password}",
        "grant_type=password&username=&password={password}",
        "grant_type=password&username={email}&password=",
        "grant_type=refresh_token",
        "grant_type=refresh_token&refresh_token=",
        "grant_type=refresh_token&username={email}&password={password}",
        "Grant_Type=password&username={email}&password={password}",
    ],
)
def test_a_missing_parameter_is_invalid_request(sqlite_server: PostkeepServer, ann: Person, body: str) -> None:
    """A parameter without a value counts as left out (RFC 6749 3.2, 5.2)."""
    answer = ask_raw(
        sqlite_server, body.replace("{email}", ann.email).replace("{password}", ann.password.replace(" ", "+"))
    )
    assert error_of(answer) == (400, "invalid_request")


@pytest.mark.parametrize(
    "twice",
    [
        "grant_type=password",
        "grant_type=refresh_token",
        "username={email}",
        "username=",
        "password=another",
        "scope=a&scope=b",
    ],
)
def test_a_repeated_parameter_is_invalid_request(sqlite_server: PostkeepServer, ann: Person, twice: str) -> None:
    """Taking either would be a guess (RFC 6749 3.2, 5.2)."""
    body = f"grant_type=password&username={ann.email}&password={ann.password.replace(' ', '+')}&{twice}"
    answer = ask_raw(sqlite_server, body.replace("{email}", ann.email))
    assert error_of(answer) == (400, "invalid_request")


@pytest.mark.parametrize(
    "grant", ["PASSWORD", "password ", "client_credentials", "authorization_code", "x" * 5000, "\u202e", "пароль"]
)
def test_another_grant_is_unsupported(sqlite_server: PostkeepServer, ann: Person, grant: str) -> None:
    """The client learns that it asked for the wrong thing (RFC 6749 5.2)."""
    answer = ask(sqlite_server, grant_type=grant, username=ann.email, password=ann.password)
    assert error_of(answer) == (400, "unsupported_grant_type")


def test_pw_12_all_wrong_credentials_look_the_same(sqlite_server: PostkeepServer) -> None:
    """As with the JSON login: nobody learns which addresses have an account (PW-12, RFC 6749 5.2)."""
    person, disabled = Person.signs_up(sqlite_server.http), Person.signs_up(sqlite_server.http)
    sqlite_server.rows.change("UPDATE accounts SET status = 'disabled' WHERE email = :email", email=disabled.email)
    wrong = [
        (person.email, a_password()),
        (person.email, "short"),
        (an_address(), a_password()),
        (disabled.email, disabled.password),
        ("nobody", a_password()),
        ("a\0b@example.com", a_password()),
        ("a@b\r\n.example", a_password()),
    ]
    answers = [ask(sqlite_server, grant_type="password", username=name, password=word) for name, word in wrong]
    same = [(answer.status_code, answer.headers["cache-control"], answer.json()) for answer in answers]
    assert error_of(answers[0]) == (400, "invalid_grant")
    assert same == [same[0]] * len(same)


@pytest.mark.parametrize("password", ["d" * 129, "d" * 10_000])
def test_a_password_that_nobody_can_have_is_wrong(sqlite_server: PostkeepServer, password: str) -> None:
    """Too long is wrong like any other, in OAuth 2's words."""
    person = Person.signs_up(sqlite_server.http)
    answer = ask(sqlite_server, grant_type="password", username=person.email, password=password)
    assert error_of(answer) == (400, "invalid_grant")


@pytest.mark.parametrize("token", ["nonsense", "x" * 5000, "\u202e", "{access}", "{id}"])
def test_a_wrong_refresh_token_is_invalid_grant(sqlite_server: PostkeepServer, ann: Person, token: str) -> None:
    """In OAuth 2's words, too."""
    given = token.replace("{access}", ann.access).replace("{id}", ann.claims["sid"])
    assert error_of(ask(sqlite_server, grant_type="refresh_token", refresh_token=given)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "body",
    [
        b"grant_type=password&username=ann%40example.com&password=%ff%fe%ff%fe%ff%fe%ff%fe",
        b"grant_type=password&username=ann%40example.com&password=%ed%a0%80%ed%a0%80",
        b"grant_type=password&username=ann%40example.com&password=\xff\xfe\xff\xfe",
        b"grant_type=password&username=ann%40example.com&password=%zz%u0041%",
        b"grant_type=password&username=%00&password=%00%00%00%00%00%00%00%00",
        b"\x00\x01\x02\x03",
        b"\xff" * 2000,
        b"&" * 10_000,
        b"a=1&" * 3000,
        b"grant_type=" + b"%" * 5000,
        b"grant_type[]=password&username[a]=b",
        b"grant_type=password;username=ann@example.com;password=five+purple+ducks",
        b'{"grant_type": "password"}',
        b"--x\r\nContent-Disposition: form-data; name=grant_type\r\n\r\npassword\r\n--x--\r\n",
    ],
    ids=range(14),
)
def test_nonsense_in_a_form_is_refused_in_words_of_oauth_2(sqlite_server: PostkeepServer, body: bytes) -> None:
    """Every error that a library's parser can make is one that the client's library understands."""
    answer = ask_raw(sqlite_server, body)
    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_request", "invalid_grant", "unsupported_grant_type"}


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "multipart/form-data; boundary=x", "text/plain", "", f"{FORM}; charset=utf-16", f"{FORM}x"],
)
def test_iv_25_another_content_type_is_415(sqlite_server: PostkeepServer, ann: Person, content_type: str) -> None:
    """A form is the one thing that is read here; a page of another site can send the others without asking."""
    body = f"grant_type=password&username={ann.email}&password={ann.password.replace(' ', '+')}"
    assert problem_of(ask_raw(sqlite_server, body, content_type)) == (415, "unsupported_media_type")


def test_sz_26_a_form_in_parts_is_not_read(sqlite_server: PostkeepServer, ann: Person) -> None:
    """Parts may be many, and each has headers to be kept: 16,000 of them are refused by their type alone."""
    part = '--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n\r\n'
    body = f"{part * 16_000}--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    assert ask_raw(sqlite_server, f"{part}--x--\r\n", kind).status_code == 415
    before = sqlite_server.bytes_read()
    for path in ("/api/v1/token", "/api/v1/login", "/api/v1/signup", "/api/v1/posts"):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        with Wire(sqlite_server) as wire:
            wire.send_as_taken(f"{head}Authorization: Bearer {ann.access}\r\n\r\n{body}".encode())
            assert wire.answer().status == 415
    assert sqlite_server.bytes_read() - before < len(body)


def test_iv_25_no_content_type_is_415(sqlite_server: PostkeepServer, ann: Person) -> None:
    """Nothing is guessed."""
    body = f"grant_type=password&username={ann.email}&password=x"
    with Wire(sqlite_server) as wire:
        wire.send(f"POST /api/v1/token HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        assert wire.answer().status == 415


@pytest.mark.parametrize(("size", "status"), [(16 * 1024, 400), (16 * 1024 + 1, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_pw_03_a_form_ends_at_16_kib(sqlite_server: PostkeepServer, size: int, status: int, *, chunked: bool) -> None:
    """Nobody logs in with more."""
    body = b"grant_type=password&username=ann@example.com&scope=" + b"s" * 16_400
    sent = body[:size]
    answer = sqlite_server.http.post(
        "/api/v1/token", content=iter([sent[:99], sent[99:]]) if chunked else sent, headers={"Content-Type": FORM}
    )
    assert answer.status_code == status


def test_pw_26_credentials_in_the_address_are_ignored(sqlite_server: PostkeepServer, ann: Person) -> None:
    """Addresses are logged by every proxy on the way."""
    query = {"grant_type": "password", "username": ann.email, "password": ann.password}
    answer = sqlite_server.http.post("/api/v1/token", params=query, headers={"Content-Type": FORM})
    assert error_of(answer) == (400, "invalid_request")


def test_both_logins_answer_alike(sqlite_server: PostkeepServer, ann: Person) -> None:
    """By form or by JSON, the tokens look the same."""
    by_form = ask(sqlite_server, grant_type="password", username=ann.email, password=ann.password)
    assert comparable(by_form)[1].keys() == comparable(ann.login())[1].keys()
    assert by_form.json().keys() == ann.login().json().keys()
