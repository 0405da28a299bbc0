"""Passwords: which may be kept, how they are compared, what is kept of them (CASES.md, PW)."""

import base64
import json
import re
import unicodedata

import argon2
import httpx2
import pytest

from tests.e2e.clients import MARK, Person, a_password, an_address, comparable, paths_of, problem_of
from tests.e2e.crowds import at_once
from tests.e2e.servers import PostkeepServer

WEAK = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
"""Parameters as an older release might have used them."""

LOGINS = ("/api/v1/login", "/api/v1/signup")


def hash_of(server: PostkeepServer, person: Person) -> str:
    """Return what the database holds of a person's password."""
    row = server.rows.one(
        "SELECT password_hash FROM accounts WHERE email_key = :key", key=person.email.lower().encode()
    )
    kept: str = row["password_hash"]
    return kept


def post_raw(server: PostkeepServer, path: str, body: str) -> httpx2.Response:
    """Send a JSON text as it stands here."""
    return server.http.post(path, content=body.encode(), headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("password", ["", "a", "seven77", "  a b  ", "\U0001f986" * 7, "пароль1", "e\u0301" * 4])
def test_pw_01_fewer_than_eight_characters_open_no_account(sqlite_server: PostkeepServer, password: str) -> None:
    """Short passwords fall to guessing; characters are counted as they are hashed, in NFC."""
    person = Person(sqlite_server.http, password=password)
    answer = person.signup()
    assert (*problem_of(answer), paths_of(answer)) == (422, "password_too_short", ["body.password"])
    assert sqlite_server.rows.ask("SELECT 1 FROM accounts WHERE email = :email", email=person.email) == []


def test_pw_01_the_minimum_can_be_raised(strict_server: PostkeepServer) -> None:
    """An operator may ask for the 15 characters of NIST SP 800-63B-4."""
    assert problem_of(Person(strict_server.http, password=f"{MARK}"[:14]).signup()) == (422, "password_too_short")
    assert Person(strict_server.http, password=f"{MARK}"[:15]).signup().status_code == 201


@pytest.mark.parametrize(
    "password",
    [
        "eight 88",
        "        ",
        "  spaces around  ",
        "\t\n\r\x0b\x0c\x1f\x7f\x85",
        "correct horse battery staple",
        "нет ни одной цифры",
        "密码密码密码密码",
        "\U0001f986\u200d\U0001f525" * 4,
        "\u202eright to left",
        "\U0010ffff\ufdd0\ufffe\uffff\U0001fffe\ufeff\ufffd\u2028",
        '"\\/\b\f\n\r\t',
        "%s%00' OR '1'='1",
        "d" * 128,
        "\U0001f986" * 128,
    ],
)
def test_pw_02_any_characters_make_a_password(sqlite_server: PostkeepServer, password: str) -> None:
    """Whoever writes a passphrase in any script can sign up with it, and log in with exactly that."""
    person = Person.signs_up(sqlite_server.http, password=password)
    assert person.login().status_code == 200


@pytest.mark.parametrize(
    ("password", "another"),
    [
        ("  spaces around  ", "spaces around"),
        ("Case Matters", "case matters"),
        ("before\0after", "before\0other"),
        ("a ligature \ufb01", "a ligature fi"),
        ("full width １２３", "full width 123"),
        ("a tail of zeros", "a tail of zeros\0"),
    ],
)
def test_pw_02_every_character_counts(sqlite_server: PostkeepServer, password: str, another: str) -> None:
    """A password that is trimmed, folded or cut somewhere is weaker than its owner believes."""
    person = Person.signs_up(sqlite_server.http, password=password)
    person.password = another
    assert problem_of(person.login()) == (401, "invalid_credentials")


@pytest.mark.parametrize("path", LOGINS)
@pytest.mark.parametrize("password", ["d" * 129, "\U0001f986" * 129, "d" * 4000, "e\u0301" * 129])
def test_pw_03_more_than_128_characters_are_refused(sqlite_server: PostkeepServer, path: str, password: str) -> None:
    """Hashing takes what it is given; a limit keeps strangers from choosing how much that is."""
    answer = sqlite_server.http.post(path, json={"email": an_address(), "password": password})
    assert (*problem_of(answer), paths_of(answer)) == (422, "password_too_long", ["body.password"])


@pytest.mark.parametrize("path", [*LOGINS, "/signup", "/login", "/api/v1/refresh"])
@pytest.mark.parametrize("size", [16 * 1024 + 1, 1024 * 1024])
def test_pw_03_bodies_without_a_post_end_at_16_kib(sqlite_server: PostkeepServer, path: str, size: int) -> None:
    """Nobody needs a megabyte to log in, so nobody gets the server to keep one."""
    body = '{"email": "ann@example.com", "password": ""}'
    answer = post_raw(sqlite_server, path, body.replace('""', f'"{"d" * (size - len(body))}"'))
    assert problem_of(answer) == (413, "body_too_large")


def test_pw_03_pw_14_malformed_logins_are_never_hashed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A hash costs 20 ms of a core: only a request that could be right is worth one. The first one makes a thread."""
    bodies = (
        '{"email": "ann@example.com"}',
        '{"password": "five purple ducks"}',
        '{"email": 5, "password": "five purple ducks"}',
        '{"email": "ann@example.com", "password": ["five purple ducks"]}',
        f'{{"email": "ann@example.com", "password": "{"d" * 129}"}}',
        f'{{"email": "ann@example.com", "password": "{"d" * 20000}"}}',
        '{"email": "ann@example.com", "password": "\\ud800ducks"}',
        '{"email": "ann@example.com", "password": "five purple ducks", "remember": true}',
        '{"email": "ann@example.com", "password": "five purple ducks"',
    )
    with PostkeepServer(tmp_path_factory.mktemp("unused"), {}).running() as server:
        before = server.threads()
        answers = [post_raw(server, path, body).status_code for body in bodies for path in LOGINS]
        after = server.threads()
        Person(server.http).login()
        assert (set(answers), after, server.threads()) == ({422, 413}, before, before + 1)


def test_pw_04_passwords_that_begin_alike_are_different(sqlite_server: PostkeepServer) -> None:
    """Some hashes read 72 bytes and no further; then any end opens the account."""
    person = Person.signs_up(sqlite_server.http, password="d" * 127 + "1")
    person.password = "d" * 127 + "2"
    assert problem_of(person.login()) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    "password", ["Élan vital à l'été", "Tiếng Việt khó", "한국어 비밀번호", "и краткое: й й й", "\u1f82" * 100]
)
@pytest.mark.parametrize(("typed_first", "typed_then"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_pw_06_one_password_typed_on_two_keyboards_is_one(
    sqlite_server: PostkeepServer, password: str, typed_first: str, typed_then: str
) -> None:
    """A Mac sends letters and accents apart, a phone sends them as one; the person sees no difference."""
    first, then = (unicodedata.normalize(form, password) for form in (typed_first, typed_then))  # type: ignore[arg-type]  # typeshed wants literals
    assert first != then
    person = Person.signs_up(sqlite_server.http, password=first)
    person.password = then
    assert person.login().status_code == 200


@pytest.mark.parametrize("path", LOGINS)
@pytest.mark.parametrize("escaped", ["\\ud800 five ducks", "five ducks \\udfff", "five \\udc00\\ud800 ducks"])
def test_pw_07_half_a_character_is_refused(sqlite_server: PostkeepServer, path: str, escaped: str) -> None:
    """JSON can write half of a surrogate pair, which no encoding can carry: an old way to a 500."""
    answer = post_raw(sqlite_server, path, f'{{"email": "{an_address()}", "password": "{escaped}"}}')
    assert problem_of(answer) == (422, "json_invalid")


@pytest.mark.parametrize(
    "password",
    [
        "password1",
        "PassWord1",
        "qwertyuiop",
        "12345678",
        "iloveyou",
        "пароль123",
        "Привет123",
        "gfhjkm123",
        "postkeep",
        "Postkeep2026!",
        "p.o.s.t.k.e.e.p",
        "***POSTKEEP***",
    ],
)
def test_pw_08_passwords_that_everybody_tries_are_refused(sqlite_server: PostkeepServer, password: str) -> None:
    """The first thousand guesses are lists; the answer says why, so that the next choice is better."""
    answer = Person(sqlite_server.http, password=password).signup()
    (error,) = answer.json()["errors"]
    assert (*problem_of(answer), error["path"]) == (422, "password_compromised", "body.password")
    assert re.search("common|product", error["detail"])


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("annabella@example.com", "annabella@example.com"),
        ("annabella@example.com", "AnnaBella@Example.COM"),
        ("annabella@example.com", "annabella"),
        ("AnnaBella@example.com", "annabella"),
        ("annabella@example.com", "ANNABELLA"),
        ("anna@bücher.example", "anna@bücher.example"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
    ],
)
def test_pw_08_the_address_is_no_password(sqlite_server: PostkeepServer, email: str, password: str) -> None:
    """Whoever knows the address would try it first."""
    answer = Person(sqlite_server.http, email, password).signup()
    (error,) = answer.json()["errors"]
    assert (*problem_of(answer), error["path"]) == (422, "password_compromised", "body.password")
    assert "address" in error["detail"]


def test_pw_09_what_is_kept_is_argon2id_with_a_salt_of_its_own(server: PostkeepServer) -> None:
    """A stolen table must cost years per password, and equal passwords must not show."""
    password = a_password()
    kept = [hash_of(server, Person.signs_up(server.http, password=password)) for _ in range(2)]
    parts = [re.fullmatch(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)", one) for one in kept]
    assert all(part and int(part[1]) >= 19456 and int(part[2]) >= 2 for part in parts)
    salts = {base64.b64decode(f"{part[4]}==") for part in parts if part}
    assert [len(salt) >= 16 for salt in salts] == [True, True]


def test_pw_10_a_login_brings_a_weaker_hash_up_to_date(server: PostkeepServer) -> None:
    """Parameters rise over the years; the only moment to hash anew is when the password is there."""
    person = Person.signs_up(server.http)
    weaken(server, person)
    assert person.login().status_code == 200
    assert hash_of(server, person).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert person.login().status_code == 200


def test_pw_10_many_logins_at_once_bring_it_up_to_date(server: PostkeepServer) -> None:
    """All of them proved the old hash and one is first to replace it; none of the others may be turned away."""
    person = Person.signs_up(server.http)
    weaken(server, person)
    answers = at_once(20, lambda _: person.login().status_code)
    assert answers == [200] * 20
    assert hash_of(server, person).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def weaken(server: PostkeepServer, person: Person) -> None:
    """Replace the kept hash by a weaker one of the same password."""
    changed = server.rows.change(
        "UPDATE accounts SET password_hash = :weak WHERE email = :email",
        weak=WEAK.hash(person.password),
        email=person.email,
    )
    assert changed == 1


@pytest.mark.parametrize("path", ["/api/v1/login", "/login"])
def test_pw_12_all_failed_logins_look_the_same(sqlite_server: PostkeepServer, path: str) -> None:
    """Whoever guesses must not learn which addresses have an account, or that one was disabled."""
    known, disabled = Person.signs_up(sqlite_server.http), Person.signs_up(sqlite_server.http)
    sqlite_server.rows.change("UPDATE accounts SET status = 'disabled' WHERE email = :email", email=disabled.email)
    wrong = a_password()
    bodies = [
        {"email": known.email, "password": wrong},
        {"email": known.email, "password": ""},
        {"email": an_address(), "password": wrong},
        {"email": disabled.email, "password": disabled.password},
        {"email": disabled.email, "password": wrong},
        {"email": "nobody", "password": wrong},
        {"email": "", "password": wrong},
        {"email": "m\u0131ke@example.com", "password": wrong},
        {"email": "a" * 5000 + "@example.com", "password": wrong},
        {"email": "a\0b\r\n@example.com", "password": wrong},
    ]
    answers = [sqlite_server.http.post(path, json=body) for body in bodies]
    assert problem_of(answers[0]) == (401, "invalid_credentials")
    assert [comparable(answer) for answer in answers] == [comparable(answers[0])] * len(bodies)


NO_STRINGS: list[object] = [12345678, 1.5, None, True, [], {}]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["body.email", "body.password"]),
        ({"email": "ann@example.com"}, ["body.password"]),
        ({"password": "five purple ducks"}, ["body.email"]),
        *(({"email": wrong, "password": "five purple ducks"}, ["body.email"]) for wrong in NO_STRINGS),
        *(({"email": "ann@example.com", "password": wrong}, ["body.password"]) for wrong in NO_STRINGS),
        ({"Email": "ann@example.com", "password": "five purple ducks"}, ["body.email", "body.Email"]),
        ([], ["body"]),
        ("ann@example.com", ["body"]),
        (None, ["body"]),
        (5, ["body"]),
        ([{"email": "ann@example.com", "password": "five purple ducks"}], ["body"]),
    ],
)
@pytest.mark.parametrize("path", LOGINS)
def test_pw_14_malformed_credentials_are_named(
    sqlite_server: PostkeepServer, path: str, body: object, paths: list[str]
) -> None:
    """A program that sends the wrong thing learns which member is wrong."""
    answer = sqlite_server.http.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert (answer.status_code, paths_of(answer)) == (422, paths)


def test_pw_18_more_logins_than_there_is_room_for_are_told_to_come_back(strict_server: PostkeepServer) -> None:
    """Hashing takes memory and processors: beyond what is set, the answer is 503 with Retry-After and not a queue."""
    person = Person.signs_up(strict_server.http)
    answers = at_once(40, lambda _: person.login(), threads=20)
    assert {answer.status_code for answer in answers} == {200, 503}
    busy = [answer for answer in answers if answer.status_code == 503]
    assert {(answer.json()["code"], int(answer.headers["retry-after"]) > 0) for answer in busy} == {
        ("hashing_busy", True)
    }
    assert person.login().status_code == 200


def test_pw_20_many_signups_with_one_address_open_one_account(server: PostkeepServer) -> None:
    """Asking first whether an address is free lets two through; only the table's key cannot be raced."""
    email = an_address()

    def signup(turn: int) -> int:
        return Person(server.http, email.upper() if turn % 2 else email).signup().status_code

    assert sorted(at_once(50, signup)) == [201] + [409] * 49
    rows = server.rows.ask(
        "SELECT a.id FROM accounts a JOIN sessions s ON s.account_id = a.id WHERE a.email_key = :key",
        key=email.encode(),
    )
    assert len(rows) == 1


def test_pw_21_a_taken_address_says_so(server: PostkeepServer) -> None:
    """A person who forgot that they signed up must learn it; DESIGN.md accepts that others can, too."""
    person = Person.signs_up(server.http)
    again = Person(server.http, person.email)
    assert problem_of(again.signup()) == (409, "email_taken")
    assert person.login().status_code == 200


@pytest.mark.parametrize("path", ["/login", "/api/v1/login", "/signup", "/api/v1/signup"])
def test_pw_26_credentials_in_the_address_are_not_looked_at(sqlite_server: PostkeepServer, path: str) -> None:
    """Every proxy on the way writes addresses down: nothing may work that puts a password there."""
    person = Person.signs_up(sqlite_server.http)
    given = person.credentials if path.endswith("login") else Person(sqlite_server.http).credentials
    assert problem_of(sqlite_server.http.get(path, params=given))[0] == 405
    assert problem_of(sqlite_server.http.post(path, params=given))[0] == 415
    answer = sqlite_server.http.post(path, params=given, json={})
    assert (problem_of(answer)[0], paths_of(answer)) == (422, ["body.email", "body.password"])
    assert given["password"].split()[-1] not in sqlite_server.log


def test_pw_24_a_password_comes_back_in_no_answer_and_no_log(sqlite_server: PostkeepServer) -> None:
    """Logs and error pages outlive passwords, and more people read them."""
    person, secret = Person.signs_up(sqlite_server.http), a_password()
    token = sqlite_server.http
    sent = [
        post_raw(sqlite_server, path, body)
        for path in LOGINS
        for body in (
            json.dumps({"email": person.email, "password": secret}),
            json.dumps({"email": person.email, "password": secret[:7]}),
            json.dumps({"email": person.email, "password": secret * 9}),
            json.dumps({"email": person.email, "password": [secret]}),
            json.dumps({"email": person.email, "password": {secret: secret}}),
            json.dumps({"email": secret, "password": secret}),
            json.dumps({"email": person.email, "password": secret, "again": secret}),
            json.dumps({"email": person.email, "password": secret})[:-1],
            json.dumps([secret]),
            json.dumps(secret),
            f'{{"password": "{secret}", "password": "{secret}"}}',
            f'{{"password": "{secret}\\ud800"}}',
            f"{secret}",
        )
    ]
    sent += [
        token.post("/api/v1/login", content=secret, headers={"Content-Type": "text/plain"}),
        token.post("/api/v1/login", content=b"\xff" + secret.encode(), headers={"Content-Type": "application/json"}),
        token.post("/api/v1/login", params=person.credentials, json={}),
        token.get("/api/v1/login", params={"password": secret}),
        token.post("/api/v1/token", data={"grant_type": "password", "username": person.email, "password": secret}),
        token.post("/api/v1/token", data={"grant_type": secret, "username": secret, "password": person.password}),
        token.post(
            "/api/v1/token", data={"grant_type": "password", "username": person.email, "password": [secret] * 2}
        ),
        token.post("/api/v1/token", data={"grant_type": "refresh_token", "refresh_token": secret}),
        token.post("/api/v1/refresh", json={"refresh_token": secret}),
        token.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}),
        token.get("/api/v1/me", headers={"Authorization": f"Basic {secret}"}),
    ]
    assert [answer.status_code for answer in sent if answer.status_code < 400] == []
    assert [answer.text for answer in sent if MARK in answer.text] == []
    assert MARK not in sqlite_server.log
