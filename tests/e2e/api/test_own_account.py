"""One's own account over HTTP: a new password, where one is logged in, and leaving (CASES.md: PW-22, TK-32)."""

import pytest

from tests.e2e.clients import Person, a_password, problem_of
from tests.e2e.servers import PostkeepServer

OUT = (401, "token_invalid")


def ask(person: Person, method: str, path: str, body: object = None) -> tuple[int, object]:
    """Send a request and return its status, with the problem's code or the answer."""
    answer = person.http.request(method, f"/api/v1{path}", json=body, headers=person.authorization)
    if answer.status_code >= 400:
        return problem_of(answer)
    return answer.status_code, answer.json() if answer.content else None


def devices(server: PostkeepServer, person: Person, count: int) -> list[Person]:
    """Log somebody in from so many more devices."""
    return [person.at(server.http).keep(person.login()) for _ in range(count)]


def change(person: Person, new: str, current: str | None = None) -> tuple[int, object]:
    """Ask for a new password."""
    body = {"current_password": current or person.password, "new_password": new}
    return ask(person, "POST", "/me/password", body)


def test_pw_22_a_new_password_shuts_everybody_else_out(server: PostkeepServer, second: PostkeepServer) -> None:
    """On every process, at once, however well their tokens are remembered there; the one that changed it goes on."""
    person = Person.signs_up(server.http)
    others = [other.at(http) for other in devices(server, person, 2) for http in (server.http, second.http)]
    assert [other.texts() for other in others] == [[]] * 4
    new = a_password()
    assert change(person, new) == (204, None)
    assert [problem_of(other.gets()) for other in others] == [OUT] * 4
    assert problem_of(others[0].renew()) == (401, "refresh_token_invalid")
    assert (person.me().status_code, person.renew().status_code) == (200, 200)
    assert problem_of(person.login()) == (401, "invalid_credentials")
    person.password = new
    assert person.login().status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "refusal"),
    [
        ("something else", "six golden geese", (401, "wrong_password")),
        (None, "short", (422, "password_too_short")),
        (None, "password123", (422, "password_compromised")),
    ],
)
def test_pw_22_a_refused_change_changes_nothing(
    server: PostkeepServer, current: str | None, new: str, refusal: tuple[int, str]
) -> None:
    """Nobody is logged out by a typing mistake."""
    person = Person.signs_up(server.http)
    (other,) = devices(server, person, 1)
    assert change(person, new, current) == refusal
    assert (other.me().status_code, person.login().status_code) == (200, 200)


def test_sessions_are_listed_with_what_tells_them_apart(server: PostkeepServer) -> None:
    """Which device, from where, since when, and which one asks."""
    person = Person.signs_up(server.http)
    login = person.http.post("/api/v1/login", json=person.credentials, headers={"User-Agent": "phone"})
    phone = person.at(server.http).keep(login)
    answer = person.gets("/api/v1/sessions")
    listed: list[dict[str, object]] = answer.json()
    assert [session["is_current"] for session in listed] == [False, True]
    assert [session["id"] for session in listed] == [phone.claims["sid"], person.claims["sid"]]
    newest = listed[0]
    assert (newest["device"], newest["address"]) == ("phone", "127.0.0.1")
    assert newest["created_date"] == newest["last_used_date"] != newest["expires_date"]
    assert newest.keys() == {
        "id", "device", "address", "created_date", "last_used_date", "expires_date", "is_current",
    }  # fmt: skip


def test_a_session_can_be_ended_from_another_one(server: PostkeepServer, second: PostkeepServer) -> None:
    """A lost phone is out at once, on every process."""
    person = Person.signs_up(server.http)
    (phone,) = devices(server, person, 1)
    assert phone.at(second.http).texts() == []
    path = f"/sessions/{phone.claims['sid']}"
    assert ask(person, "DELETE", path) == (204, None)
    assert problem_of(phone.at(second.http).gets()) == OUT
    assert ask(person, "DELETE", path) == (404, "session_absent")
    assert ask(person, "DELETE", f"/sessions/{person.claims['sid']}") == (204, None)
    assert problem_of(person.me()) == OUT


@pytest.mark.parametrize("session_id", ["0", "00000000-0000-7000-8000-000000000000", "%00", "a" * 3000])
def test_what_is_no_session_of_mine_is_absent(server: PostkeepServer, session_id: str) -> None:
    """Whatever it looks like."""
    assert ask(Person.signs_up(server.http), "DELETE", f"/sessions/{session_id}") == (404, "session_absent")


def test_az_01_a_stranger_s_session_is_absent(server: PostkeepServer) -> None:
    """Knowing its id is worth nothing."""
    mine, yours = Person.signs_up(server.http), Person.signs_up(server.http)
    assert ask(mine, "DELETE", f"/sessions/{yours.claims['sid']}") == (404, "session_absent")
    assert yours.me().status_code == 200


def test_all_other_sessions_can_be_ended(server: PostkeepServer) -> None:
    """Everywhere else, whatever it was."""
    person = Person.signs_up(server.http)
    others = devices(server, person, 3)
    assert ask(person, "DELETE", "/sessions") == (204, None)
    assert [problem_of(other.me()) for other in others] == [OUT] * 3
    assert person.me().status_code == 200


def test_pw_23_tk_32_whoever_leaves_is_gone_at_once(server: PostkeepServer, second: PostkeepServer) -> None:
    """Posts, sessions, and what other processes remember; the address is free again."""
    person = Person.signs_up(server.http)
    person.add("mine")
    elsewhere = person.at(second.http)
    assert elsewhere.texts() == ["mine"]
    assert ask(person, "POST", "/me/deletion", {"password": "something else"}) == (401, "wrong_password")
    assert elsewhere.texts() == ["mine"]
    assert ask(person, "POST", "/me/deletion", {"password": person.password}) == (204, None)
    assert [problem_of(who.gets()) for who in (person, elsewhere)] == [OUT] * 2
    assert problem_of(person.login()) == (401, "invalid_credentials")
    assert server.rows.ask("SELECT 1 FROM accounts WHERE email = :email", email=person.email) == []
    assert Person.signs_up(server.http, email=person.email).texts() == []


def test_pw_23_whoever_leaves_much_behind_is_gone_as_well(server: PostkeepServer, second: PostkeepServer) -> None:
    """All of it, in every process; the address is free, and nothing is left in any table."""
    person = Person.signs_up(server.http)
    for number in range(12):
        person.add(f"{number} " + "x" * 900_000)
    account = server.rows.one("SELECT id FROM accounts WHERE email = :email", email=person.email)
    assert ask(person, "POST", "/me/deletion", {"password": person.password}) == (204, None)
    for process in (server, second):
        assert person.at(process.http).gets().status_code == 401
        assert person.at(process.http).me().status_code == 401
    for left in (
        "SELECT 1 FROM posts WHERE account_id = :id",
        "SELECT 1 FROM sessions WHERE account_id = :id",
        "SELECT 1 FROM accounts WHERE id = :id",
    ):
        assert server.rows.ask(left, id=account["id"]) == []
    assert person.signup().status_code == 201
    assert server.events("removal_unfinished") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/me/password"),
        ("POST", "/me/deletion"),
        ("GET", "/sessions"),
        ("DELETE", "/sessions"),
        ("DELETE", "/sessions/00000000-0000-7000-8000-000000000000"),
    ],
)
def test_none_of_it_is_for_who_has_no_token(server: PostkeepServer, method: str, path: str) -> None:
    """Not even with a body that would do."""
    answer = server.http.request(method, f"/api/v1{path}", json={"password": "x"})
    assert problem_of(answer) == (401, "token_missing")
