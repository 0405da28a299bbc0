"""Sessions: I5. Over is over, a token has one successor, and nobody is locked out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.history import NEVER, Kind, Operation, Outcome
from tests.faults.violations import Invariant, Violation

GRACE_NS: Final = 25_000_000_000
"""For so long a used refresh token may be sent again; the server's 30 seconds, less what the answer may have taken."""

MOST_SESSIONS: Final = 98
"""So many newer logins end no session; the server ends the oldest of more than 100."""

REUSED: Final = "refresh_token_reused"

_UNAUTHENTICATED: Final = 401


@dataclass(slots=True, eq=False)
class _Session:
    """What is known of one session.

    Attributes:
        login: What it came from.
        ended: When somebody was told that it is over.
        end: What told them.
        may_end: When something was first asked for that may end it.
        is_judged: Whether something was found wrong with it.
    """

    login: Operation
    ended: int = NEVER
    end: Operation | None = None
    may_end: int = NEVER
    is_judged: bool = False


@dataclass(slots=True, eq=False)
class _Token:
    """What is known of one refresh token.

    Attributes:
        uses: What sent it, in the order in which it was asked for.
        successors: What got another token for it, by that token's digest.
    """

    uses: list[Operation] = field(default_factory=list[Operation])
    successors: dict[str, Operation] = field(default_factory=dict[str, Operation])


class Sessions:
    """All sessions of a history whose logins were answered."""

    def __init__(self, history: Sequence[Operation]) -> None:
        """Take a history in the order in which it was asked for."""
        self._history = history
        self._sessions = {each.session: _Session(each) for each in history if each.kind is Kind.LOGIN and each.is_ok}
        self._logins: dict[str, list[Operation]] = {}
        self._tokens: dict[str, _Token] = {}
        for operation in history:
            if operation.kind is Kind.LOGIN:
                self._logins.setdefault(operation.user, []).append(operation)
            if operation.kind is Kind.REFRESH:
                self._note_use(operation)
        for operation in history:
            self._note_end(operation)
            if operation.kind is Kind.END_OTHERS:
                self._note_ends(operation)

    def judge(self) -> Iterator[Violation]:
        """Find sessions that live on, fork, or are lost."""
        yield from self._judge_forks()
        for operation in self._history:
            session = self._sessions.get(operation.session)
            if operation.kind is Kind.LOGIN and operation.status == _UNAUTHENTICATED:
                yield Violation(Invariant.I5, f"{operation.user} cannot log in any more", (operation,))
            if session is None or session.is_judged or operation.kind is Kind.LOGIN:
                continue
            found = self._judge_life(operation, session) or self._judge_death(operation, session)
            if found is not None:
                session.is_judged = True
                yield found

    def _note_use(self, refresh: Operation) -> None:
        """Note that a refresh token was sent."""
        token = self._tokens.setdefault(refresh.token, _Token())
        token.uses.append(refresh)
        if refresh.is_ok:
            token.successors.setdefault(refresh.successor, refresh)

    def _note_end(self, operation: Operation) -> None:
        """Note what ends a session, or may."""
        session = self._sessions.get(operation.session)
        if session is None:
            return
        is_logout = operation.kind is Kind.LOGOUT
        is_over = (is_logout and operation.is_ok) or operation.code == REUSED
        if is_over and operation.completed < session.ended:
            session.ended, session.end = operation.completed, operation
        if is_logout:
            session.may_end = min(session.may_end, operation.invoked)
        elif operation.kind is Kind.REFRESH:
            session.may_end = min(session.may_end, self._may_end(operation))

    def _note_ends(self, operation: Operation) -> None:
        """Note what ends all other sessions of its user, or may; it is so rare that each login can be looked at."""
        done = NEVER if operation.outcome is Outcome.INFO else operation.completed
        for login in self._logins.get(operation.user, []):
            session = self._sessions.get(login.session)
            if session is None or login.session == operation.session or operation.outcome is Outcome.FAIL:
                continue
            if login.invoked < done:
                session.may_end = min(session.may_end, max(operation.invoked, login.invoked))
            if operation.is_ok and login.completed < operation.invoked and done < session.ended:
                session.ended, session.end = done, operation

    def _may_end(self, refresh: Operation) -> int:
        """Return from when on a refresh may end its session: its token's successor was sent, or it came too late.

        One of unknown outcome may come at any time.
        """
        token = self._tokens[refresh.token]
        following = [use.invoked for each in token.successors for use in self._uses_of(each)]
        again = [use.invoked + GRACE_NS for use in token.uses if use is not refresh]
        first = min([*following, *again], default=NEVER)
        until = NEVER if refresh.outcome is Outcome.INFO else refresh.completed
        return max(first, refresh.invoked) if first < until else NEVER

    def _uses_of(self, token: str) -> Sequence[Operation]:
        """Return what sent a token."""
        known = self._tokens.get(token)
        return [] if known is None else known.uses

    def _judge_forks(self) -> Iterator[Violation]:
        """Find tokens that were exchanged for more than one."""
        for token in self._tokens.values():
            if len(token.successors) > 1:
                what = "one refresh token has more than one successor"
                yield Violation(Invariant.I5, what, tuple(token.successors.values()))

    def _judge_life(self, operation: Operation, session: _Session) -> Violation | None:
        """Find what a session did after its end; logging out again is always answered with yes."""
        if operation.kind is Kind.LOGOUT or not operation.is_ok or operation.invoked <= session.ended:
            return None
        ends = () if session.end is None else (session.end,)
        return Violation(Invariant.I5, f"session {session.login.session} is over and lives", (*ends, operation))

    def _judge_death(self, operation: Operation, session: _Session) -> Violation | None:
        """Find a session that is refused though nobody ended it."""
        if operation.outcome is not Outcome.FAIL or operation.status != _UNAUTHENTICATED:
            return None
        if session.may_end < operation.completed or self._newer(session.login, operation.completed) > MOST_SESSIONS:
            return None
        what = f"nobody ended session {session.login.session}, and it is refused"
        return Violation(Invariant.I5, what, (session.login, operation))

    def _newer(self, login: Operation, before: int) -> int:
        """Return how many logins of the same user may have come after one, before a moment."""
        logins = self._logins[login.user]
        return sum(login.invoked < each.completed and each.invoked < before for each in logins)
