"""Tiny histories by hand, in which every moment is a small number."""

from collections.abc import Sequence
from typing import Any

from tests.faults.history import DELETION, NEVER, Item, Kind, Operation, Outcome
from tests.faults.verdict import judge


def post(uid: str, *, digest: str = "", post_id: str = "", version: int = 1) -> Item:
    """Return a post as a list shows it: its id and its content follow from its uid unless they are wrong."""
    return Item(post_id or f"id-{uid}", uid, digest or f"digest of {uid}", version)


class Story:
    """A history in the making."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.operations: list[Operation] = []

    def tell(  # noqa: PLR0913 - all that an operation may be
        self,
        kind: Kind,
        invoked: int,
        completed: int | None,
        *,
        user: str = "ann",
        status: int = 0,
        outcome: Outcome | None = None,
        **about: Any,
    ) -> Operation:
        """Add an operation; one without an answer is of unknown outcome, and one without a status was answered yes."""
        known = Outcome.INFO if completed is None else (Outcome.FAIL if status >= 400 else Outcome.OK)
        name = str(len(self.operations) + 1)
        operation = Operation(name, "1", user, kind, invoked, NEVER if completed is None else completed, **about)
        operation.outcome, operation.status = outcome or known, status
        self.operations.append(operation)
        return operation

    def add(self, uid: str, invoked: int, completed: int | None, *, status: int = 0, key: str = "") -> None:
        """Add a post; whose it is stands in its uid."""
        user, digest = uid.partition(":")[0], f"digest of {uid}"
        known = f"id-{uid}" if completed is not None and not status else ""
        self.tell(Kind.ADD, invoked, completed, user=user, status=status, uid=uid, digest=digest, post=known, key=key)

    def delete(self, uid: str, invoked: int, completed: int | None, *, status: int = 0, user: str = "") -> None:
        """Delete a post."""
        self.tell(Kind.DELETE, invoked, completed, user=user or uid.partition(":")[0], status=status, post=f"id-{uid}")

    def edit(  # noqa: PLR0913 - all that an edit may be
        self,
        uid: str,
        base: int,
        digest: str,
        *,
        during: tuple[int, int | None],
        told: int = 0,
        status: int = 0,
        user: str = "",
    ) -> None:
        """Edit a post from a version; the answer tells the next one, unless it is another."""
        invoked, completed = during
        about: dict[str, Any] = {"post": f"id-{uid}", "base": base, "digest": digest}
        about["version"] = told or (base + 1 if completed is not None and not status else 0)
        self.tell(Kind.EDIT, invoked, completed, user=user or uid.partition(":")[0], status=status, **about)

    def change(
        self, *uids: str, to: str = DELETION, during: tuple[int, int | None], absent: Sequence[str] = ()
    ) -> None:
        """Delete posts together, or give them a status; some may turn out to be absent."""
        invoked, completed = during
        about: dict[str, Any] = {"posts": [f"id-{uid}" for uid in uids], "change": to}
        about["absent"] = [f"id-{uid}" for uid in absent]
        self.tell(Kind.MANY, invoked, completed, status=404 if absent else 0, **about)

    def shows(self, invoked: int, completed: int, *shown: str | Item, user: str = "ann", pages: int = 1) -> None:
        """List posts."""
        operation = self.tell(Kind.LIST, invoked, completed, user=user, pages=pages)
        operation.shown = [item if isinstance(item, Item) else post(item) for item in shown]

    def login(self, session: str, invoked: int, completed: int | None, *, status: int = 0) -> None:
        """Log in."""
        self.tell(Kind.LOGIN, invoked, completed, status=status, session="" if status else session)

    def refresh(  # noqa: PLR0913 - all that a renewal may be
        self, token: str, successor: str, invoked: int, completed: int | None, *, status: int = 0, code: str = ""
    ) -> None:
        """Renew the tokens of session "s"."""
        about: dict[str, Any] = {"session": "s", "token": token, "successor": successor, "code": code}
        self.tell(Kind.REFRESH, invoked, completed, status=status, **about)

    def logout(self, invoked: int, completed: int | None) -> None:
        """End session "s"."""
        self.tell(Kind.LOGOUT, invoked, completed, session="s")

    def uses(self, invoked: int, completed: int, *, status: int = 0, session: str = "s") -> None:
        """List with a session."""
        self.tell(Kind.LIST, invoked, completed, status=status, session=session)

    def found(self) -> Sequence[str]:
        """Return what is wrong with it: the invariants that it breaks, and the operations that show it."""
        verdict = judge(sorted(self.operations, key=lambda operation: operation.invoked))
        return [
            f"{violation.invariant.name}: {' '.join(operation.name for operation in violation.operations)}"
            for violation in verdict.violations
        ]
