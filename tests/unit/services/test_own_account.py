"""One's own account: a new password, where one is logged in, and leaving (CASES.md: PW-22)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from postkeep.domain.accounts import (
    AccountGone,
    AccountStatus,
    Password,
    PasswordCompromised,
    PasswordTooShort,
)
from postkeep.domain.sessions import CredentialsInvalid, Origin, PasswordWrong, Session, SessionAbsent
from postkeep.services.sessions import MOST_SESSIONS, SessionLimits
from tests.builders import a_post, a_session, an_account, an_email
from tests.fakes import World, a_world

DUCKS, GEESE = Password.parse("five purple ducks"), Password.parse("six golden geese")
ORIGIN = Origin("curl/8", "192.0.2.7")


async def logged_in(world: World, *, times: int = 1) -> list[Session]:
    """Open an account with the password DUCKS and log in to it so often, the first time by signing up."""
    email = an_email()
    sessions = [await world.accounts.signup(email, DUCKS, Origin("first", "192.0.2.1"))]
    for number in range(1, times):
        world.advance(timedelta(seconds=1))
        sessions.append(await world.sessions.login(email, DUCKS, Origin(f"device {number}")))
    return sessions


async def change(world: World, session: Session, current: Password = DUCKS, new: Password = GEESE) -> None:
    """Ask for a new password."""
    await world.accounts.change_password(session.account_id, session.id, current, new, ORIGIN)


class TestChangePassword:
    """A new password for one's own account."""

    async def test_pw_22_the_new_one_opens_the_account_and_the_old_one_does_not(self) -> None:
        """At once."""
        (session,) = await logged_in(world := a_world())
        await change(world, session)
        email = world.account(session.account_id).email
        assert (await world.sessions.login(email, GEESE, Origin())).account_id == session.account_id
        with pytest.raises(CredentialsInvalid):
            await world.sessions.login(email, DUCKS, Origin())

    async def test_pw_22_other_sessions_end(self) -> None:
        """Whoever else got in is out; this one stays."""
        sessions = await logged_in(world := a_world(), times=3)
        await change(world, sessions[1])
        assert await world.sessions.list_live(sessions[0].account_id) == [sessions[1]]

    async def test_pw_22_the_current_password_is_asked_for(self) -> None:
        """A token that was stolen must not be enough to keep the owner out."""
        sessions = await logged_in(world := a_world(), times=2)
        before = world.account(sessions[0].account_id)
        with pytest.raises(PasswordWrong):
            await change(world, sessions[0], current=GEESE)
        assert world.account(before.id) == before
        assert len(await world.sessions.list_live(before.id)) == 2

    @pytest.mark.parametrize(("new", "error"), [("seven", PasswordTooShort), ("password1", PasswordCompromised)])
    async def test_the_new_one_keeps_to_the_rules(self, new: str, error: type[Exception]) -> None:
        """The same as at sign-up."""
        (session,) = await logged_in(world := a_world())
        with pytest.raises(error):
            await change(world, session, new=Password.parse_any(new))
        assert await world.sessions.list_live(session.account_id) == [session]

    async def test_the_address_is_no_password_here_either(self) -> None:
        """Others would try it first."""
        (session,) = await logged_in(world := a_world())
        email = world.account(session.account_id).email
        with pytest.raises(PasswordCompromised):
            await change(world, session, new=Password.parse(email.address))

    async def test_of_two_changes_at_once_one_wins(self) -> None:
        """The other one's current password is no longer current."""
        one, other = await logged_in(world := a_world(), times=2)
        swans = Password.parse("seven silver swans")
        answers = await asyncio.gather(change(world, one), change(world, other, new=swans), return_exceptions=True)
        assert [type(answer) for answer in answers if answer is not None] == [PasswordWrong]
        assert len(await world.sessions.list_live(one.account_id)) == 1

    async def test_a_reset_meanwhile_stands(self) -> None:
        """An operator who shuts a thief out must not be overtaken by what the thief began before."""
        (session,) = await logged_in(world := a_world())
        account = world.account(session.account_id)

        def reset() -> None:
            world.with_account(account, "seven silver swans")

        world.passwords.meanwhile = reset
        with pytest.raises(PasswordWrong):
            await change(world, session)
        assert await world.sessions.login(account.email, Password.parse("seven silver swans"), Origin())

    @pytest.mark.parametrize("gone", [True, False])
    async def test_an_account_that_is_gone_has_no_password(self, *, gone: bool) -> None:
        """Removed, or disabled."""
        world = a_world()
        account = an_account(status=AccountStatus.DISABLED)
        if not gone:
            world.with_account(account, "five purple ducks")
        with pytest.raises(AccountGone):
            await change(world, a_session(account_id=account.id))


class TestSessions:
    """Where one is logged in."""

    async def test_live_sessions_are_listed_newest_first(self) -> None:
        """Those that ended or ran out are not."""
        world = a_world(limits=SessionLimits(idle=timedelta(days=1)))
        (idle,) = await logged_in(world)
        world.advance(timedelta(days=2))
        email = world.account(idle.account_id).email
        over, one, other = [await world.sessions.login(email, DUCKS, Origin()) for _ in range(3)]
        await world.sessions.end(over.account_id, over.id)
        live = await world.sessions.list_live(idle.account_id)
        assert {session.id for session in live} == {one.id, other.id}
        assert live == sorted(live, key=lambda session: session.id, reverse=True)

    async def test_one_s_own_session_can_be_ended_once(self) -> None:
        """From any other, or from itself; a second time there is none."""
        one, other = await logged_in(world := a_world(), times=2)
        await world.sessions.end(one.account_id, other.id)
        assert await world.sessions.list_live(one.account_id) == [one]
        with pytest.raises(SessionAbsent):
            await world.sessions.end(one.account_id, other.id)
        await world.sessions.end(one.account_id, one.id)
        assert await world.sessions.list_live(one.account_id) == []

    async def test_somebody_else_s_session_is_absent(self) -> None:
        """And goes on."""
        world = a_world()
        (mine,), (yours,) = await logged_in(world), await logged_in(world)
        with pytest.raises(SessionAbsent):
            await world.sessions.end(mine.account_id, yours.id)
        assert await world.sessions.list_live(yours.account_id) == [yours]

    async def test_all_others_can_be_ended_together(self) -> None:
        """Nobody else's."""
        world = a_world()
        sessions, (stranger,) = await logged_in(world, times=4), await logged_in(world)
        await world.sessions.end_others(sessions[2].account_id, sessions[2].id)
        assert await world.sessions.list_live(sessions[0].account_id) == [sessions[2]]
        assert await world.sessions.list_live(stranger.account_id) == [stranger]


async def test_tk_35_an_account_has_a_hundred_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one more, the oldest login ends: whoever logs in in a loop fills no table."""
    assert MOST_SESSIONS == 100
    monkeypatch.setattr("postkeep.services.sessions.MOST_SESSIONS", 3)
    sessions = await logged_in(world := a_world(), times=5)
    assert await world.sessions.list_live(sessions[0].account_id) == sessions[:1:-1]


async def test_tk_35_a_new_login_is_not_the_one_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the clock was set back, or is another machine's: all others seem newer, and nobody would get in."""
    monkeypatch.setattr("postkeep.services.sessions.MOST_SESSIONS", 3)
    sessions = await logged_in(world := a_world(), times=3)
    world.advance(-timedelta(hours=1))
    email = world.account(sessions[0].account_id).email
    session = await world.sessions.login(email, DUCKS, ORIGIN)
    assert await world.sessions.list_live(session.account_id) == [*sessions[:0:-1], session]


class TestLeaving:
    """Removing one's own account."""

    async def test_everything_goes_with_it(self) -> None:
        """Posts and sessions, and nothing of anybody else's."""
        world = a_world()
        (mine,), (yours,) = await logged_in(world), await logged_in(world)
        world.with_post(a_post(author=mine.account_id)).with_post(kept := a_post(author=yours.account_id))
        await world.accounts.leave(mine.account_id, DUCKS, ORIGIN)
        assert world.kept == [kept]
        assert set(world.storage.state.accounts) == {yours.account_id}
        assert set(world.storage.state.sessions) == {yours.id}

    async def test_the_password_is_asked_for(self) -> None:
        """A token that was stolen must not be enough."""
        (session,) = await logged_in(world := a_world())
        with pytest.raises(PasswordWrong):
            await world.accounts.leave(session.account_id, GEESE, ORIGIN)
        assert world.account(session.account_id).is_active

    @pytest.mark.parametrize("cut_off", ["disabled", "another password"])
    async def test_whoever_was_cut_off_meanwhile_removes_nothing(self, cut_off: str) -> None:
        """A thief's request may wait for its turn to be proven; what the owner or an operator did counts."""
        (session,) = await logged_in(world := a_world())
        account = world.account(session.account_id)

        def act() -> None:
            if cut_off == "disabled":
                world.with_account(replace(account, status=AccountStatus.DISABLED))
            else:
                world.with_account(account, "seven silver swans")

        world.passwords.meanwhile = act
        with pytest.raises((PasswordWrong, AccountGone)):
            await world.accounts.leave(session.account_id, DUCKS, ORIGIN)
        assert world.account(account.id).id == account.id

    async def test_a_password_that_was_hashed_anew_meanwhile_still_counts(self) -> None:
        """A login on another device does that."""
        (session,) = await logged_in(world := a_world())
        account = world.account(session.account_id)

        def act() -> None:
            world.with_account(account, DUCKS.secret)

        world.passwords.meanwhile = act
        await world.accounts.leave(session.account_id, DUCKS, ORIGIN)
        assert world.storage.state.accounts == {}

    async def test_the_address_is_free_again(self) -> None:
        """For whoever wants it, without what was there."""
        (session,) = await logged_in(world := a_world())
        email = world.account(session.account_id).email
        await world.accounts.leave(session.account_id, DUCKS, ORIGIN)
        assert (await world.accounts.signup(email, GEESE, Origin())).account_id != session.account_id
