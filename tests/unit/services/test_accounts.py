"""Accounts: signing up."""

import asyncio
from datetime import timedelta

import pytest

from postkeep.domain.accounts import (
    Email,
    EmailTaken,
    Password,
    PasswordCompromised,
)
from postkeep.domain.sessions import Origin, Session
from postkeep.services.ports import HashingBusy
from postkeep.services.sessions import SessionLimits
from tests.builders import an_account, an_email
from tests.fakes import a_world

PHRASE = "five purple ducks"
DUCKS = Password.parse(PHRASE)
ORIGIN = Origin("curl/8", "192.0.2.7")


class TestSignup:
    """Opening one's own account."""

    async def test_it_opens_an_account_and_logs_in(self) -> None:
        """Both, or neither: one unit."""
        world, email = a_world(limits=SessionLimits(lifetime=timedelta(days=3))), an_email()
        session = await world.accounts.signup(email, DUCKS, ORIGIN)
        account = world.account(session.account_id)
        assert account.email == email
        assert account.is_active
        assert account.created_date == world.clock.now()
        assert world.session(session.id) == session
        assert (session.origin, session.counter) == (ORIGIN, 1)
        assert session.expires_date == world.clock.now() + timedelta(days=3)

    async def test_it_hashes_first_and_then_keeps(self) -> None:
        """Never in a unit, and without asking beforehand who is there: the database alone knows."""
        world = a_world()
        await world.accounts.signup(an_email(), DUCKS, ORIGIN)
        assert [step for step in world.journal if step not in {"read", "count"}] == ["hash", "transact"]

    async def test_the_password_opens_the_account(self) -> None:
        """And is not kept itself."""
        world, email = a_world(), an_email()
        session = await world.accounts.signup(email, DUCKS, ORIGIN)
        assert PHRASE not in world.account(session.account_id).password_hash
        assert (await world.sessions.login(email, DUCKS, ORIGIN)).account_id == session.account_id

    async def test_pw_21_a_taken_address_is_refused(self) -> None:
        """Also in another spelling; nothing changes."""
        world = a_world().with_account(account := an_account(email=Email.parse("Ann@ex.com")))
        with pytest.raises(EmailTaken):
            await world.accounts.signup(Email.parse("aNN@EX.com"), DUCKS, ORIGIN)
        assert world.storage.state.accounts == {account.id: account}
        assert world.storage.state.sessions == {}

    async def test_pw_20_of_50_parallel_signups_with_one_address_one_wins(self) -> None:
        """All the others hear that it is taken."""
        world, email = a_world(), an_email()
        results = await asyncio.gather(
            *(world.accounts.signup(email, DUCKS, ORIGIN) for _ in range(50)), return_exceptions=True
        )
        assert sum(isinstance(result, Session) for result in results) == 1
        assert sum(isinstance(result, EmailTaken) for result in results) == 49
        assert len(world.storage.state.accounts) == len(world.storage.state.sessions) == 1

    @pytest.mark.parametrize("typed", ["password1", "PASSWORD1", "postkeep", "12 PostKeep 34!", "ann.lee@ex.com"])
    async def test_pw_08_a_guessable_password_is_refused_before_hashing(self, typed: str) -> None:
        """Hashing is dear."""
        world = a_world()
        with pytest.raises(PasswordCompromised):
            await world.accounts.signup(Email.parse("Ann.Lee@ex.com"), Password.parse(typed), ORIGIN)
        assert world.journal == []

    async def test_a_busy_hasher_opens_nothing(self) -> None:
        """The client tries again later."""
        world = a_world()
        world.passwords.is_busy = True
        with pytest.raises(HashingBusy):
            await world.accounts.signup(an_email(), DUCKS, ORIGIN)
        assert world.storage.state.accounts == {}

    async def test_two_signups_have_two_salts(self) -> None:
        """Each session's refresh tokens are its own."""
        world = a_world()
        first, second = [await world.accounts.signup(an_email(), DUCKS, ORIGIN) for _ in range(2)]
        assert first.salt != second.salt
        assert first.salt != bytes(32)

    async def test_pw_24_nothing_secret_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither password nor hash nor address of the person."""
        caplog.set_level("DEBUG")
        world = a_world()
        session = await world.accounts.signup(Email.parse("ann@ex.com"), DUCKS, ORIGIN)
        said = str([vars(record) for record in caplog.records])
        assert "signed_up" in said
        for secret in (PHRASE, "ann@ex.com", world.account(session.account_id).password_hash, session.salt.hex()):
            assert secret not in said
