"""Accounts: addresses, passwords, and what holds for every account."""

import random
import socket
import string
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.accounts import (
    EMAIL_MAX_LENGTH,
    LABEL_MAX_LENGTH,
    Account,
    AccountStatus,
    Email,
    EmailInvalid,
    Password,
    PasswordInvalid,
    PasswordTooLong,
    PasswordTooShort,
)
from tests.builders import a_moment, an_account, an_email

LABELS = ["example", "bücher", "xn--bcher-kva", "пример", "例え", "MiXeD", "straße", "ԱԲԳ", "a-b", "0", "x" * 63, "ﬁ"]
ENDS = ["com", "COM", "example", "рф", "xn--p1ai", "中国", "de"]
LOCALS = string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~."

# Hypothesis's own domains() takes longer to make an address than Postkeep to read it.
DOMAINS = st.builds(
    "{}.{}".format,
    st.text(string.ascii_letters + string.digits + "-.", min_size=1, max_size=80) | st.sampled_from(LABELS),
    st.sampled_from(ENDS),
)


def an_odd_address(chance: random.Random) -> str:
    """Return what may be an address: any local part over a domain in some spelling."""
    local = "".join(chance.choices(LOCALS, k=chance.randint(1, 20)))
    return f"{local}@{chance.choice(LABELS)}.{chance.choice(ENDS)}"


def valid_addresses(many: int) -> Iterator[Email]:
    """Yield generated addresses that are taken."""
    chance = random.Random(20261121)
    while many:
        try:
            yield Email.parse(an_odd_address(chance))
        except EmailInvalid:
            continue
        many -= 1


class TestEmail:
    """Which addresses there are, and which are one."""

    def test_iv_01_case_does_not_tell_addresses_apart(self) -> None:
        """ASCII case-fold of both parts; shown as typed."""
        first, second = Email.parse("A.User@EX.com"), Email.parse("a.uSER@ex.COM")
        assert first.key == second.key == "a.user@ex.com"
        assert first.address.startswith("A.User@")

    @pytest.mark.parametrize(
        "typed", ["m\u0131ke@ex.com", "miKe\u212a@ex.com", "mike\u017f@ex.com", "á@ex.com", "ß@ex.com", "用户@ex.com"]
    )
    def test_iv_02_a_local_part_outside_ascii_is_refused(self, typed: str) -> None:
        """Folding such letters has given accounts away (CVE-2019-19844)."""
        with pytest.raises(EmailInvalid):
            Email.parse(typed)

    def test_iv_03_addresses_that_differ_stay_different(self) -> None:
        """Dots and tags count: providers differ in what they ignore."""
        keys = {Email.parse(typed).key for typed in ("a@ex.com", "a.b@ex.com", "ab@ex.com", "a+b@ex.com", "a@ex.co")}
        assert len(keys) == 5

    @pytest.mark.parametrize("other", ["u@xn--bcher-kva.example", "U@BÜCHER.example", "u@bu\u0308cher.EXAMPLE"])
    def test_iv_05_a_domain_has_one_key_in_all_its_spellings(self, other: str) -> None:
        """IDNA: Unicode, its other normal form, other case, and ASCII."""
        assert Email.parse(other).key == Email.parse("u@bücher.example").key == "u@xn--bcher-kva.example"

    def test_iv_06_the_longest_address_is_taken(self) -> None:
        """64 octets before the @, 254 in all."""
        local = "l" * 64
        domain = ".".join(["d" * 63, "d" * 63, "d" * 57, "com"])
        assert len(f"{local}@{domain}") == 254
        assert Email.parse(f"{local}@{domain}").key == f"{local}@{domain}"

    @pytest.mark.parametrize(
        "typed",
        [
            "l" * 65 + "@ex.com",
            "l" * 64 + "@" + ".".join(["d" * 63, "d" * 63, "d" * 58, "com"]),
            "l" * 64 + "@" + ".".join(["ü" * 40] * 4) + ".com",
            "u@" + "d" * 64 + ".com",
            "u@" + "d" * 100_000 + ".com",
        ],
        ids=["local part of 65", "255 in all", "255 in all as ASCII", "label of 64", "100,000"],
    )
    def test_iv_06_a_longer_address_is_refused(self, typed: str) -> None:
        """RFC 5321 4.5.3.1; the column has that many."""
        with pytest.raises(EmailInvalid):
            Email.parse(typed)

    def test_iv_06_what_is_far_too_long_is_refused_unread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Anybody may send 16 KiB of combining marks, and to put them in order takes fifty milliseconds."""
        monkeypatch.setattr("postkeep.domain.accounts.validate_email", pytest.fail)
        with pytest.raises(EmailInvalid):
            Email.parse("\u0316\u0300" * 4 * EMAIL_MAX_LENGTH + "@ex.com")

    def test_iv_06_a_label_that_is_too_long_is_refused_unread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The square of its length is what reading one would take; composed it may be as short as any other."""
        assert Email.parse("u@" + "u\u0308" * 40 + ".example").key.startswith("u@xn--")
        monkeypatch.setattr("postkeep.domain.accounts.validate_email", pytest.fail)
        for label in ("x" * (LABEL_MAX_LENGTH + 1), "".join(chr(0x4E00 + 37 * number) for number in range(250))):
            with pytest.raises(EmailInvalid):
                Email.parse(f"u@{label}")
            with pytest.raises(EmailInvalid):
                Email.parse(f"u@mail.{label}.example")

    @pytest.mark.parametrize(
        "mark", ["\r", "\n", "\r\n", "\x00", "\x1b", "\t", "\u202e", "\u200b", "\u2028", "\x85", "\xad", "\ud800"]
    )
    def test_iv_07_marks_that_steer_are_refused(self, mark: str) -> None:
        """Mail headers, terminals and readers would act on them; the reason given must not carry them on."""
        for where in ("{}u@ex.com", "u{}v@ex.com", "u{}@ex.com", "u@{}ex.com", "u@e{}x.com", "u@ex.com{}"):
            with pytest.raises(EmailInvalid) as caught:
                Email.parse(where.format(mark))
            assert caught.value.detail.isprintable()

    def test_iv_08_the_key_of_a_key_is_the_key(self) -> None:
        """Otherwise a second signup could reach the first one's account (darthnull.org/unicode-account-hijacking)."""
        for email in valid_addresses(50):
            assert Email.parse(email.key).key == email.key
            assert Email.parse(email.address) == email

    def test_a_builder_s_address_is_as_if_parsed(self) -> None:
        """Builders leave parsing out, for speed."""
        email = an_email()
        assert Email.parse(email.address) == email

    @pytest.mark.long
    def test_iv_08_the_key_of_a_key_is_the_key_for_10000(self) -> None:
        """The same with as many as the case asks for."""
        for email in valid_addresses(10_000):
            assert Email.parse(email.key).key == email.key
            assert Email.parse(email.address) == email

    @given(st.emails(domains=DOMAINS))
    def test_iv_08_every_address_of_hypothesis_is_stable_or_refused(self, typed: str) -> None:
        """RFC 5322 knows odder addresses than people do."""
        try:
            email = Email.parse(typed)
        except EmailInvalid:
            return
        assert Email.parse(email.key).key == email.key
        assert Email.parse(email.address) == email
        assert email.key.isascii()
        assert email.key == email.key.lower()

    @given(st.text(max_size=60))
    def test_anything_else_is_refused_as_such(self, typed: str) -> None:
        """No text makes another error than ours."""
        try:
            Email.parse(typed)
        except EmailInvalid as error:
            assert error.detail.isprintable()  # noqa: PT017 - most texts are refused, not all

    @pytest.mark.parametrize(
        "typed",
        [
            "",
            "@",
            "u",
            "u@",
            "@ex.com",
            "u@@ex.com",
            "u@ex",
            "u@.com",
            "u@ex..com",
            ".u@ex.com",
            "u.@ex.com",
            "u..v@ex.com",
            "u @ex.com",
            '"u v"@ex.com',
            '"u"@ex.com',
            "u@[127.0.0.1]",
            "u@[IPv6:::1]",
            "u@127.0.0.1",
            "u(comment)@ex.com",
            "Ann <u@ex.com>",
            "<u@ex.com>",
            "u@ex.com, v@ex.com",
            "u@-ex.com",
            "u@ex-.com",
            "u@ex_ample.com",
            "u@localhost",
            "mailto:u@ex.com",
        ],
    )
    def test_iv_09_forms_that_people_do_not_have_are_refused(self, typed: str) -> None:
        """Quoted local parts, literals, comments, names around it, several at once: with a reason."""
        with pytest.raises(EmailInvalid) as caught:
            Email.parse(typed)
        assert caught.value.detail
        assert caught.value.detail.isprintable()

    def test_white_space_around_is_not_part_of_an_address(self) -> None:
        """Either taken off or refused, never kept."""
        try:
            assert Email.parse(" u@ex.com ").address == "u@ex.com"
        except EmailInvalid:
            return

    def test_iv_10_no_name_server_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Signing up must not depend on, nor tell, the outside."""

        def refuse(*_: object, **__: object) -> None:
            pytest.fail("a name was looked up")

        for name in ("getaddrinfo", "gethostbyname", "socket"):
            monkeypatch.setattr(socket, name, refuse)
        Email.parse("u@gmail.com")

    def test_the_address_is_in_nfc(self) -> None:
        """Two spellings that look the same are shown the same."""
        shown = Email.parse("u@bu\u0308cher.example").address
        assert shown == unicodedata.normalize("NFC", shown)

    def test_the_local_part_is_in_lower_case(self) -> None:
        """It is compared with passwords."""
        assert Email.parse("Ann.Lee@EX.com").local_part == "ann.lee"


class TestPassword:
    """What can be a password."""

    @pytest.mark.parametrize("length", [8, 9, 64, 127, 128])
    @pytest.mark.parametrize("letter", ["x", " ", "é", "字", "😀", "\x00", "\N{COMBINING ACUTE ACCENT}"], ids=ascii)
    def test_pw_02_8_to_128_code_points_of_anything(self, letter: str, length: int) -> None:
        """Counted in code points, not bytes; no rule asks for digits or forbids spaces."""
        assert Password.parse(letter * length).secret == letter * length

    @pytest.mark.parametrize("length", [0, 1, 7])
    @pytest.mark.parametrize("letter", ["x", "é", "😀"])
    def test_pw_01_7_code_points_are_too_few(self, letter: str, length: int) -> None:
        """However many bytes they have."""
        with pytest.raises(PasswordTooShort) as caught:
            Password.parse(letter * length)
        assert "8" in caught.value.detail

    @pytest.mark.parametrize("length", [129, 384, 385, 1_000_000])
    def test_pw_03_129_code_points_are_too_many(self, length: int) -> None:
        """Hashing takes time by length."""
        for parse in (Password.parse, Password.parse_any):
            with pytest.raises(PasswordTooLong):
                parse("x" * length)

    def test_a_short_password_can_be_compared(self) -> None:
        """At login it is wrong, not malformed."""
        assert Password.parse_any("short").secret == "short"
        assert Password.parse_any("").secret == ""

    @pytest.mark.parametrize("typed", ["пятый é", "각각각각각각각각", "ǖǖǖǖǖǖǖǖ", "\N{OHM SIGN}" * 8])
    def test_pw_06_both_normal_forms_are_one_password(self, typed: str) -> None:
        """Keyboards differ in how they compose letters."""
        composed, decomposed = (unicodedata.normalize(form, typed) + "1234" for form in ("NFC", "NFD"))
        assert Password.parse(decomposed) == Password.parse(composed) == Password.parse(typed + "1234")

    @pytest.mark.parametrize("letter", ["é", "ǖ", "각", "ᾂ"], ids=ascii)
    def test_pw_02_the_longest_password_may_be_typed_decomposed(self, letter: str) -> None:
        """128 letters are 128 letters, however many code points a keyboard sends for each."""
        composed = unicodedata.normalize("NFC", letter * 128)
        typed = unicodedata.normalize("NFD", letter * 128)
        assert Password.parse(typed).secret == composed

    @pytest.mark.parametrize("length_before", [8, 4])
    def test_pw_01_the_length_is_that_of_the_normal_form(self, length_before: int) -> None:
        """Combining marks that melt into their letters do not make a password longer."""
        with pytest.raises(PasswordTooShort):
            Password.parse("e\N{COMBINING ACUTE ACCENT}" * (length_before // 2) + "x" * 3)

    @pytest.mark.parametrize("surrogate", ["\ud800", "\udc00\ud800"], ids=ascii)
    def test_pw_07_a_lone_surrogate_is_refused(self, surrogate: str) -> None:
        """JSON can spell it, UTF-8 cannot carry it."""
        for parse in (Password.parse, Password.parse_any):
            with pytest.raises(PasswordInvalid):
                parse(f"{surrogate}1234567")

    def test_pw_24_a_password_does_not_show_itself(self) -> None:
        """Logs and tracebacks print what they find."""
        password = Password.parse("five purple ducks")
        for shown in (repr(password), str(password), f"{password}", f"{[password]}"):
            assert "purple" not in shown


class TestAccount:
    """What holds for every account."""

    def test_a_new_account_is_active_and_empty(self) -> None:
        """And its id tells when it was opened."""
        now, email = a_moment(), an_email()
        account = Account.open(email, "$hash", now=now)
        assert account.is_active
        assert (account.posts, account.bytes, account.created_date, account.email) == (0, 0, now, email)
        assert (account.access_version, account.posts_version) == (1, 1)
        assert account.id.int >> 80 == int(now.timestamp() * 1000)

    def test_accounts_opened_later_have_later_ids(self) -> None:
        """By the microsecond."""
        first, second = (Account.open(an_email(), "$hash", now=a_moment()) for _ in range(2))
        assert first.id < second.id

    @pytest.mark.parametrize("name", ["access_version", "posts_version", "posts", "bytes"])
    def test_its_numbers_are_never_negative(self, name: str) -> None:
        """A count below zero is a mistake that must not spread."""
        with pytest.raises(ValueError, match="negative"):
            an_account(**{name: -1})

    def test_its_moment_has_a_zone(self) -> None:
        """A time without one is some other time."""
        with pytest.raises(ValueError, match="zone"):
            an_account(created_date=datetime(2026, 11, 21))  # noqa: DTZ001 - that is the mistake

    def test_a_disabled_account_is_not_active(self) -> None:
        """The one other status."""
        assert not an_account(status=AccountStatus.DISABLED).is_active
        assert datetime(2026, 1, 1, tzinfo=UTC).tzinfo is UTC
