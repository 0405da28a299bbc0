"""E-mail addresses: which ones sign up, and which are the same account (CASES.md, IV-01 to IV-09)."""

import pytest

from tests.e2e.clients import Person, an_address, paths_of, problem_of
from tests.e2e.servers import PostkeepServer


def signs_up(server: PostkeepServer, email: str) -> tuple[int, str]:
    """Return the status of signing up with an address, and the code if it is refused."""
    answer = Person(server.http, email).signup()
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize(
    ("first", "then"), [("A{}@EX-ONE.com", "a{}@ex-one.COM"), ("ann.b+c{}@ex.com", "ANN.B+C{}@EX.COM")]
)
def test_iv_01_an_address_is_one_account_in_any_case(server: PostkeepServer, first: str, then: str) -> None:
    """People type their address differently each time, and phones write the first letter large."""
    unique = an_address().partition("@")[0]
    person = Person.signs_up(server.http, email=first.replace("{}", unique))
    assert signs_up(server, then.replace("{}", unique)) == (409, "email_taken")
    person.email = then.replace("{}", unique)
    assert person.login().status_code == 200
    assert person.me().json()["email"].partition("@")[0] == first.replace("{}", unique).partition("@")[0]


@pytest.mark.parametrize(
    "local",
    [
        "m\u0131ke",
        "m\u0130ke",
        "\u017fteve",
        "\u212aelvin",
        "\u0430nn",
        "\uff41nn",
        "\u00e1nn",
        "\u00dfein",
        "ann\u200b",
        "ann\u00ad",
        "\u202eann",
        "\U0001f986",
        "a\u0301nn",
        "\u1e9ein",
        "ﬁona",
    ],
)
def test_iv_02_local_parts_are_ascii(sqlite_server: PostkeepServer, local: str) -> None:
    """Letters that fold to ASCII ones took over accounts elsewhere (CVE-2019-19844); here they have none."""
    answer = Person(sqlite_server.http, f"{local}@example.com").signup()
    assert (*problem_of(answer), paths_of(answer)) == (422, "email_invalid", ["body.email"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a{}@bucher.example", "a{}@bücher.example"),
        ("a{}@ssein.example", "a{}@ßein.example"),
        ("a{}@e.example", "a{}@é.example"),
        ("a{}@ınn.example", "a{}@inn.example"),
        ("a{}@example.com", "a{}@example.com.br"),
        ("a{}.b@example.com", "a{}b@example.com"),
        ("a{}+b@example.com", "a{}@example.com"),
        ("a{}_@example.com", "a{}-@example.com"),
    ],
)
def test_iv_03_addresses_that_differ_are_different_accounts(server: PostkeepServer, one: str, other: str) -> None:
    """A collation that merges accents would hand one person's account to another."""
    unique = an_address().partition("@")[0]
    assert [signs_up(server, email.replace("{}", unique))[0] for email in (one, other)] == [201, 201]


@pytest.mark.parametrize(
    ("unicode", "ascii_form"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "XN--BCHER-KVA.example"),
        ("почта.рф", "xn--80a1acny.xn--p1ai"),
        ("例え.example", "xn--r8jz45g.example"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
        ("example。com", "example.com"),
    ],
)
def test_iv_05_a_domain_is_one_in_both_of_its_spellings(server: PostkeepServer, unicode: str, ascii_form: str) -> None:
    """What DNS takes for one name is one account (IDNA)."""
    unique = an_address().partition("@")[0]
    person = Person(server.http, f"{unique}@{unicode}")
    answer = person.signup()
    assert answer.status_code == 201
    assert signs_up(server, f"{unique}@{ascii_form}") == (409, "email_taken")
    person.email = f"{unique}@{ascii_form}"
    assert person.login().status_code == 200


LONG_DOMAIN = ".".join(["d" * 61, "d" * 61, "d" * 61, "com"])
"""189 octets, so that a local part of 64 makes 254 with the @."""


@pytest.mark.parametrize(
    ("local", "domain", "status"),
    [
        (64, "example.com", 201),
        (65, "example.com", 422),
        (64, LONG_DOMAIN, 201),
        (63, f"d{LONG_DOMAIN}", 201),
        (64, f"d{LONG_DOMAIN}", 422),
        (1, "d" * 63 + ".com", 201),
        (1, "d" * 64 + ".com", 422),
        (10, "ü" * 60 + ".com", 422),
        (1, ".".join(["ü" * 40] * 5) + ".com", 422),
        (2000, "example.com", 422),
        (1, "d" * 8000 + ".com", 422),
    ],
)
def test_iv_06_addresses_are_as_long_as_mail_allows(
    sqlite_server: PostkeepServer, local: int, domain: str, status: int
) -> None:
    """64 octets before the @, 254 in all (RFC 5321 4.5.3.1), counted as DNS sees them."""
    unique = an_address().partition("@")[0]
    name = unique[:1] if local == 1 else (unique + "x" * local)[:local]
    # The shortest ones are the same in each run, so an account from another test may have them.
    assert (
        signs_up(sqlite_server, f"{name}@{unique}.{domain}" if local == 1 and status == 201 else f"{name}@{domain}")[0]
        == status
    )


@pytest.mark.parametrize(
    "character",
    ["\r", "\n", "\r\n", "\0", "\t", "\x0b", "\x1b[31m", "\x7f", "\u202e", "\u200f", "\u2028", "\u0085", " "],
)
@pytest.mark.parametrize("place", ["a{}nn@example.com", "ann@exam{}ple.com", "ann@example.com{}"])
def test_iv_07_control_characters_make_no_address(sqlite_server: PostkeepServer, character: str, place: str) -> None:
    """A line break in an address forges mail headers and log lines; the refusal shows none of them."""
    before = sqlite_server.log_file.stat().st_size
    answer = Person(sqlite_server.http, place.replace("{}", character)).signup()
    assert (*problem_of(answer), paths_of(answer)) == (422, "email_invalid", ["body.email"])
    assert all(error["detail"].isprintable() for error in answer.json()["errors"])
    logged = sqlite_server.log_file.read_bytes()[before:].decode()
    assert all(line.startswith("{") for line in logged.splitlines())


@pytest.mark.parametrize(
    "email",
    ["Ann.B+C{}@Example.COM", "{}@BÜCHER.example", "{}@xn--bcher-kva.EXAMPLE", "{}@почта.рф", "o'neil-{}@a-b.example"],
)
def test_iv_08_the_address_that_is_shown_is_the_one_that_logs_in(sqlite_server: PostkeepServer, email: str) -> None:
    """Normalising a second time changes nothing: else an account could be reached by a name it does not have."""
    person = Person.signs_up(sqlite_server.http, email=email.replace("{}", an_address().partition("@")[0]))
    shown = person.me().json()["email"]
    assert signs_up(sqlite_server, shown) == (409, "email_taken")
    person.email = shown
    person.keep(person.login())
    assert person.me().json()["email"] == shown


@pytest.mark.parametrize(
    "email",
    [
        '"ann b"@example.com',
        '"ann"@example.com',
        '"a@b"@example.com',
        "ann@[127.0.0.1]",
        "ann@[IPv6:::1]",
        "ann(comment)@example.com",
        "ann@(comment)example.com",
        "Ann <ann@example.com>",
        "<ann@example.com>",
        "mailto:ann@example.com",
        "ann@example.com,bob@example.com",
        "ann@example.com;bob@example.com",
        "ann",
        "@",
        "ann@",
        "@example.com",
        "ann@@example.com",
        "ann@b@example.com",
        ".ann@example.com",
        "ann.@example.com",
        "a..nn@example.com",
        "ann@example..com",
        "ann@.example.com",
        "ann@example.com.",
        "ann@-example.com",
        "ann@example-.com",
        "ann@exam_ple.com",
        "ann@127.0.0.1",
        "ann@localhost",
        "ann@example",
        "",
        " ",
        "ann@exa%mple.com",
        "ann@xn--.com",
        "ann@xn--\u00fc.com",
        "ann@\u2603\ufe0f\u200d.com",
        "a" * 10_000,
        "@" * 5000,
    ],
)
def test_iv_09_what_is_no_plain_address_is_refused_in_clear_words(sqlite_server: PostkeepServer, email: str) -> None:
    """Forms that mail once allowed are used by nobody but those who try what a server does with them."""
    answer = Person(sqlite_server.http, email).signup()
    (error,) = answer.json()["errors"]
    assert (*problem_of(answer), error["path"], error["code"]) == (422, "email_invalid", "body.email", "email_invalid")
    assert 10 < len(error["detail"]) < 400
    assert error["detail"].isprintable()
