"""The contracts of `services.ports.PasswordHasher` and `services.ports.CommonPasswords`."""

import asyncio
import unicodedata

import pytest

from postkeep.domain.accounts import Password
from postkeep.domain.attempts import NOWHERE, Network
from postkeep.services.ports import CommonPasswords, HashingBusy, PasswordHasher

HOME, AWAY = Network.of("192.0.2.7"), Network.of("198.51.100.9")
DUCKS = Password.parse("five purple ducks")


class PasswordHasherContract:
    """What a hasher promises; `hasher` is a fixture of the class that inherits this."""

    async def test_a_password_opens_its_own_hash_only(self, hasher: PasswordHasher) -> None:
        """The one thing it is for."""
        kept = await hasher.hash(DUCKS, HOME)
        assert await hasher.verify(DUCKS, kept, HOME)
        for wrong in ("five purple duck", "Five purple ducks", "five purple ducks ", "five purple düccks"):
            assert not await hasher.verify(Password.parse(wrong), kept, HOME)

    async def test_a_hash_is_a_phc_string_that_hides_the_password(self, hasher: PasswordHasher) -> None:
        """It says how it was made, so that parameters can rise; and it fits its column."""
        kept = await hasher.hash(DUCKS, HOME)
        assert kept.startswith("$")
        assert kept.isascii()
        assert len(kept) <= 255
        assert DUCKS.secret not in kept

    async def test_pw_09_equal_passwords_have_different_hashes(self, hasher: PasswordHasher) -> None:
        """A salt of its own for each: nobody sees who shares a password."""
        first, second = await hasher.hash(DUCKS, HOME), await hasher.hash(DUCKS, HOME)
        assert first != second
        assert await hasher.verify(DUCKS, second, HOME)

    async def test_pw_04_all_of_a_long_password_counts(self, hasher: PasswordHasher) -> None:
        """Also what follows 72 bytes, where some algorithms stop."""
        long = Password.parse("x" * 127 + "1")
        kept = await hasher.hash(long, HOME)
        assert await hasher.verify(long, kept, HOME)
        assert not await hasher.verify(Password.parse("x" * 127 + "2"), kept, HOME)

    @pytest.mark.parametrize("typed", ["пароль из слов", "😀" * 128, "a\x00" * 4, " " * 8, "\\'\";--12345"])
    async def test_pw_02_any_characters_will_do(self, hasher: PasswordHasher, typed: str) -> None:
        """Also NUL, where some algorithms stop."""
        password = Password.parse(typed)
        kept = await hasher.hash(password, HOME)
        assert await hasher.verify(password, kept, HOME)
        assert not await hasher.verify(Password.parse(typed[:-1] + "?"), kept, HOME)

    async def test_pw_06_one_password_may_be_typed_in_two_forms(self, hasher: PasswordHasher) -> None:
        """Keyboards differ in how they compose letters."""
        kept = await hasher.hash(Password.parse(unicodedata.normalize("NFD", "пятый éléphant")), HOME)
        assert await hasher.verify(Password.parse_any(unicodedata.normalize("NFC", "пятый éléphant")), kept, HOME)

    async def test_no_hash_is_a_no(self, hasher: PasswordHasher) -> None:
        """For addresses that nobody has: it takes as long and says no, whatever the password."""
        assert not await hasher.verify(DUCKS, None, HOME)
        assert not await hasher.verify(Password(""), None, HOME)

    @pytest.mark.parametrize("unreadable", ["", "plain", "$", "$argon2id$v=19$broken", "$2b$12$abc", "é"])
    async def test_an_unreadable_hash_is_a_no_and_an_alarm(
        self, hasher: PasswordHasher, unreadable: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A damaged row locks one person out; the operator must hear of it, and without the hash."""
        assert not await hasher.verify(DUCKS, unreadable, HOME)
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("CRITICAL", "password_hash_unreadable")
        ]

    async def test_a_fresh_hash_is_not_outdated(self, hasher: PasswordHasher) -> None:
        """Or every login would hash anew."""
        assert not hasher.is_outdated(await hasher.hash(DUCKS, HOME))

    async def test_parallel_questions_do_not_mix(self, hasher: PasswordHasher) -> None:
        """Each gets its own answer."""
        passwords = [Password.parse(f"password no. {number}") for number in range(8)]
        networks = [HOME, AWAY, NOWHERE, HOME] * 2
        kept = await asyncio.gather(*map(hasher.hash, passwords, networks))
        others = kept[1:] + kept[:1]
        assert await asyncio.gather(*map(hasher.verify, passwords, kept, networks)) == [True] * 8
        assert await asyncio.gather(*map(hasher.verify, passwords, others, networks)) == [False] * 8

    async def test_who_has_all_the_room_leaves_it_to_others(self, hasher: PasswordHasher) -> None:
        """Nobody is refused whose network has nobody in line, however many come from another one."""
        crowd = [asyncio.create_task(hasher.hash(DUCKS, HOME)) for _ in range(100)]
        await asyncio.sleep(0)
        hasher.refuse_if_busy(AWAY)
        assert await hasher.verify(DUCKS, await hasher.hash(DUCKS, AWAY), AWAY)
        done = await asyncio.gather(*crowd, return_exceptions=True)
        assert {type(each) for each in done} <= {str, HashingBusy}


class CommonPasswordsContract:
    """What a list of common passwords promises; `common` is a fixture of the class that inherits this."""

    @pytest.mark.parametrize("typed", ["password1", "PASSWORD1", "PassWord1"])
    def test_pw_08_a_common_password_is_one_however_it_is_cased(self, common: CommonPasswords, typed: str) -> None:
        """Guessing programs try these first."""
        assert Password.parse(typed) in common

    @pytest.mark.parametrize("typed", ["five purple ducks", "password1 ", " password1", "пять лиловых уток", "😀" * 8])
    def test_any_other_password_is_none(self, common: CommonPasswords, typed: str) -> None:
        """People must be able to choose."""
        assert Password.parse(typed) not in common
