"""Sessions: how long they live, and where they come from."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.sessions import ADDRESS_MAX_LENGTH, DEVICE_MAX_LENGTH, Origin, Session, SessionStatus
from tests.builders import a_moment, a_session, an_account_id

IDLE = timedelta(days=14)
MICROSECOND = timedelta(microseconds=1)


class TestLiveness:
    """When a session's tokens count."""

    def test_a_new_session_is_live(self) -> None:
        """At once."""
        session = a_session()
        assert session.is_live(session.created_date, IDLE)

    def test_tk_30_it_dies_of_idleness_to_the_microsecond(self) -> None:
        """Counted from the last renewal."""
        session = a_session()
        end = session.refreshed_date + IDLE
        assert session.is_live(end - MICROSECOND, IDLE)
        assert not session.is_live(end, IDLE)

    def test_tk_30_it_dies_of_age_to_the_microsecond(self) -> None:
        """However often it was renewed."""
        session = a_session()
        session = replace(session, refreshed_date=session.expires_date)
        assert session.is_live(session.expires_date - MICROSECOND, IDLE)
        assert not session.is_live(session.expires_date, IDLE)

    def test_an_ended_session_is_dead(self) -> None:
        """Also in the moment it ended, and before."""
        session = a_session()
        ended = replace(session, status=SessionStatus.ENDED, ended_date=session.created_date)
        assert not ended.is_live(session.created_date, IDLE)


class TestSession:
    """What holds for every session."""

    def test_it_begins_now_with_the_first_token(self) -> None:
        """And ends a lifetime later at the latest."""
        account_id, now, origin = an_account_id(), a_moment(), Origin("curl", "::1")
        session = Session.begin(account_id, origin, salt=bytes(32), now=now, lifetime=timedelta(days=30))
        assert session.account_id == account_id
        assert session.origin == origin
        assert (session.counter, session.status, session.ended_date) == (1, SessionStatus.ACTIVE, None)
        assert (session.created_date, session.refreshed_date) == (now, now)
        assert session.expires_date == now + timedelta(days=30)
        assert session.id.int >> 80 == int(now.timestamp() * 1000)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"counter": 0},
            {"counter": -1},
            {"salt": b""},
            {"salt": bytes(31)},
            {"salt": bytes(33)},
            {"status": SessionStatus.ENDED},
            {"ended_date": a_moment()},
        ],
        ids=lambda wrong: next(iter(wrong)),
    )
    def test_no_other_session_can_be_made(self, wrong: dict[str, object]) -> None:
        """Wherever it comes from."""
        session = a_session()
        with pytest.raises(ValueError, match="a session has"):
            replace(session, **wrong)  # type: ignore[arg-type]  # that is the point


class TestOrigin:
    """What a client says of itself."""

    def test_it_is_cut_to_what_is_kept(self) -> None:
        """A header may have kilobytes."""
        origin = Origin.of("d" * 10_000, "a" * 10_000)
        assert (len(origin.device), len(origin.address)) == (DEVICE_MAX_LENGTH, ADDRESS_MAX_LENGTH)

    def test_what_does_not_print_is_taken_out(self) -> None:
        """It is shown to the account's owner and written to logs."""
        assert Origin.of("Mo\x1b[31mzilla\r\n\u202e/5.0\x00", "::1").device == "Mo[31mzilla/5.0"

    def test_what_prints_counts_before_the_cut(self) -> None:
        """Marks that are taken out do not shorten the rest."""
        assert Origin.of("\x00" * 300 + "d" * 200, "").device == "d" * 200

    @given(st.text(), st.text())
    def test_nothing_else_gets_through(self, device: str, address: str) -> None:
        """Neither too long, nor unprintable, nor unstorable."""
        origin = Origin.of(device, address)
        assert origin.device.isprintable()
        assert len(origin.device) <= DEVICE_MAX_LENGTH
        origin.device.encode()

    @pytest.mark.parametrize("mark", ["\x00", "\x1b", "\n", "\u202e", "\ud800"], ids=ascii)
    def test_an_address_is_freed_of_what_does_not_print(self, mark: str) -> None:
        """A proxy may hand over anything."""
        address = Origin.of("", f"192.0.2.7{mark}").address
        assert address.isprintable()
