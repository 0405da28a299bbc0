"""`postkeep account`: what an operator does with accounts, also while the server runs (CASES.md, TK-32)."""

import json
import re
from pathlib import Path

from tests.e2e.cli.commands import Outcome, beside, postkeep, refusal
from tests.e2e.clients import Person, a_password, a_text, an_address, problem_of
from tests.e2e.crowds import at_once
from tests.e2e.servers import PostkeepServer


def is_out(person: Person) -> bool:
    """Whether neither the tokens nor the password let a person in."""
    answers = (person.me(), person.renew(), person.login())
    return [problem_of(answer) for answer in answers] == [
        (401, "token_invalid"),
        (401, "refresh_token_invalid"),
        (401, "invalid_credentials"),
    ]


def done(outcome: Outcome) -> str:
    """Return what a command printed that did what it should."""
    assert (outcome.code, outcome.err) == (0, ""), outcome.err
    return outcome.out


def listed(server: PostkeepServer, email: str) -> dict[str, object] | None:
    """Return what `account list --json` shows of an address."""
    lines = [json.loads(line) for line in done(beside(server, "account", "list", "--json")).splitlines()]
    found = [line for line in lines if line["email"] == email]
    return found[0] if found else None


def test_an_account_that_was_created_can_log_in(server: PostkeepServer) -> None:
    """Where nobody may sign up by themselves, an operator opens accounts; the id is what is printed."""
    person = Person(server.http)
    said = done(
        beside(server, "account", "create", person.email, "--password-stdin", stdin=person.password.encode() + b"\n")
    )
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n", said)
    person.keep(person.login())
    assert person.me().json()["id"] == said.strip()


def test_the_list_shows_every_account_with_what_it_holds(server: PostkeepServer) -> None:
    """How many posts of how many bytes, in which state; as JSON for programs."""
    person = Person.signs_up(server.http)
    person.add("äh")
    shown = listed(server, person.email)
    assert shown is not None
    assert (shown["id"], shown["status"], shown["posts"], shown["bytes"]) == (person.claims["sub"], "active", 1, 3)


def test_the_list_is_readable(sqlite_server: PostkeepServer) -> None:
    """For people: a line each, in the order of the addresses."""
    person = Person.signs_up(sqlite_server.http)
    lines = done(beside(sqlite_server, "account", "list")).splitlines()
    addresses = [line.split()[-1].lower() for line in lines]
    assert [line for line in lines if line.endswith(person.email) and "active" in line and person.claims["sub"] in line]
    assert addresses == sorted(addresses)


def test_sessions_are_listed_and_ended(server: PostkeepServer) -> None:
    """For somebody who cannot log in any more to do it: the newest first, and afterwards none."""
    person = Person.signs_up(server.http)
    phone = person.at(server.http).keep(person.login())
    shown = [
        json.loads(line)
        for line in done(beside(server, "account", "sessions", person.email, "--json")).split("\n")[:-1]
    ]
    assert [session["id"] for session in shown] == [phone.claims["sid"], person.claims["sid"]]
    assert all(session["address"] == "127.0.0.1" for session in shown)
    readable = done(beside(server, "account", "sessions", person.email)).splitlines()
    assert [line.split()[0] for line in readable] == [session["id"] for session in shown]
    done(beside(server, "account", "end-sessions", person.email))
    assert [problem_of(who.me()) for who in (person, phone)] == [(401, "token_invalid")] * 2
    assert done(beside(server, "account", "sessions", person.email)) == ""
    assert person.login().status_code == 200


def test_tk_32_a_disabled_account_is_out_at_once(server: PostkeepServer) -> None:
    """The next request is refused, on the running server; the posts stay, and come back with the account."""
    person = Person.signs_up(server.http)
    post_id = person.add(a_text())
    assert person.posts()
    done(beside(server, "account", "disable", person.email.upper()))
    assert is_out(person)
    assert person.adds({"text": "x"}).status_code == person.delete(post_id).status_code == 401
    assert person.gets().status_code == 401
    done(beside(server, "account", "enable", person.email))
    assert problem_of(person.me()) == (401, "token_invalid")
    person.keep(person.login())
    assert [post["id"] for post in person.posts()] == [post_id]


def test_tk_32_a_new_password_ends_all_sessions(server: PostkeepServer) -> None:
    """Somebody who forgot it, or whose account was taken over: only the new one counts from here on."""
    person, new = Person.signs_up(server.http), a_password()
    elsewhere = person.at(server.http).keep(person.login())
    done(beside(server, "account", "reset-password", person.email, "--password-stdin", stdin=new.encode()))
    assert is_out(person)
    assert is_out(elsewhere)
    person.password = new
    assert person.keep(person.login()).me().status_code == 200


def test_tk_32_a_deleted_account_is_gone_with_all_its_posts(server: PostkeepServer) -> None:
    """Nothing is left, and the address is free again."""
    person = Person.signs_up(server.http)
    for _ in range(3):
        person.add(a_text())
    account = person.me().json()["id"]
    done(beside(server, "account", "delete", person.email, "--yes"))
    assert is_out(person)
    assert person.logout().status_code == 204
    again = Person.signs_up(server.http, email=person.email)
    assert (again.posts(), again.me().json()["id"] != account) == ([], True)


def test_deleting_asks_first(sqlite_server: PostkeepServer) -> None:
    """There is no way back."""
    person = Person.signs_up(sqlite_server.http)
    asked = beside(sqlite_server, "account", "delete", person.email, stdin=b"n\n")
    assert (asked.code, person.email in asked.out, person.me().status_code) == (1, True, 200)


def test_an_unknown_address_is_said_in_one_line(sqlite_server: PostkeepServer) -> None:
    """A typing mistake must not look like success."""
    commands = (
        ("reset-password", "--password-stdin"),
        ("sessions",),
        ("end-sessions",),
        ("disable",),
        ("delete", "--yes"),
    )

    def run(number: int) -> tuple[int, str]:
        outcome = beside(sqlite_server, "account", *commands[number], an_address(), stdin=a_password().encode())
        return outcome.code, refusal(outcome)

    assert set(at_once(len(commands), run)) == {(1, "No account has this e-mail address.")}


def test_a_command_in_the_wrong_folder_makes_no_database(tmp_path: Path) -> None:
    """An empty list and exit code 0 would say that everybody is gone, or that somebody is disabled who is not."""
    commands = (
        ("account", "list"),
        ("account", "sessions", "ann@example.com"),
        ("account", "disable", "ann@example.com"),
        ("posts", "export", "--email", "ann@example.com", "posts"),
        ("posts", "import", "--email", "ann@example.com", "posts"),
    )
    outcomes = at_once(len(commands), lambda number: postkeep(*commands[number], settings={}, folder=tmp_path))
    assert [(outcome.code, "There is no database" in refusal(outcome)) for outcome in outcomes] == [(3, True)] * 5
    assert list(tmp_path.iterdir()) == []
    first = ("account", "create", "ann@example.com", "--password-stdin")
    assert postkeep(*first, settings={}, folder=tmp_path, stdin=b"five purple ducks\n").code == 0
    assert done(postkeep("account", "list", settings={}, folder=tmp_path)).endswith(" ann@example.com\n")


def test_what_cannot_sign_up_cannot_be_created_either(sqlite_server: PostkeepServer) -> None:
    """The same rules, one line, exit code 1."""
    cases: list[tuple[str | bytes, bytes, str]] = [
        ("nobody", b"five purple ducks\n", "@"),
        (b"ann\xff@example.com", b"five purple ducks\n", ""),
        ("ann-x@example.com", b"short\n", "8"),
        ("ann-x@example.com", b"ann-x@example.com\n", "address"),
        ("ann-x@example.com", b"\xff\xfe not UTF-8 at all\n", ""),
        (Person.signs_up(sqlite_server.http).email, b"five purple ducks\n", "already"),
    ]

    def create(number: int) -> Outcome:
        email, password, _ = cases[number]
        return beside(sqlite_server, "account", "create", email, "--password-stdin", stdin=password)

    outcomes = at_once(len(cases), create, threads=3)
    assert [outcome.code for outcome in outcomes] == [1] * len(cases)
    assert [says for outcome, (_, _, says) in zip(outcomes, cases, strict=True) if says not in refusal(outcome)] == []


def test_a_piped_password_ends_with_its_line(sqlite_server: PostkeepServer) -> None:
    """Files come with either line end; none is part of a password."""
    person = Person(sqlite_server.http)
    piped = person.password.encode() + b"\r\n"
    done(beside(sqlite_server, "account", "create", person.email, "--password-stdin", stdin=piped))
    assert person.login().status_code == 200


def test_a_password_is_no_argument(sqlite_server: PostkeepServer) -> None:
    """Other users of the machine read arguments."""
    outcome = beside(sqlite_server, "account", "create", an_address(), "--password", "five purple ducks")
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


def test_the_database_in_memory_has_no_accounts_to_work_on(sqlite_server: PostkeepServer) -> None:
    """It lives in the server's process; a command would talk to an empty one of its own."""
    server = PostkeepServer(sqlite_server.folder, {"POSTKEEP_DATABASE_URL": "sqlite://"})
    commands = (("account", "list"), ("migrate", "upgrade"))
    outcomes = at_once(len(commands), lambda number: beside(server, *commands[number]))
    assert [(outcome.code, "memory" in refusal(outcome)) for outcome in outcomes] == [(3, True)] * 2
