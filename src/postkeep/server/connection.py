"""A connection as it is watched: what it is at, what waits for its client, and how it is ended."""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol


class Phase(Enum):
    """What a connection is at: before its first byte, at a head, at a body, at an answer, or between requests."""

    SILENT = auto()
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    IDLE = auto()


class Connection(Protocol):
    """What is looked at, and what may be done to it."""

    def phase(self) -> tuple[Phase, object]:
        """Return what it is at, and which request's that is: as long as both stay, its time runs."""
        ...

    def waits_for_client(self) -> bool:
        """Whether it would take more of what is on its way."""
        ...

    def received(self) -> int:
        """Return how many bytes of the present body have come."""
        ...

    def takes_long_body(self) -> bool:
        """Whether the present body may take longer than others, because somebody known was allowed to send much."""
        ...

    def unsent(self) -> int:
        """Return how many bytes wait for the client to take them."""
        ...

    def held(self) -> tuple[Hashable, int]:
        """Name what is in memory for these bytes, and how much that is: a body is there as a whole until all is taken.

        What many are sent, as a list that is remembered, is there once for all of them.
        """
        ...

    def ahead(self) -> int:
        """Return how many bytes have come that wait for requests before them to be answered."""
        ...

    def is_answering(self) -> bool:
        """Whether a request that came before is still being answered."""
        ...

    def last_answer(self) -> object:
        """Return what stands for the answer that began last: none begins before the one before it has been taken."""
        ...

    def end_with_answer(self) -> None:
        """Have the answer under way be the last one, where it has not begun."""
        ...

    def expire(self, phase: Phase) -> None:
        """End it, because its time is over, and tell the client where that can be told."""
        ...

    def cut(self) -> None:
        """End it at once, with what waits to be sent."""
        ...


@dataclass(slots=True)
class Watch:
    """What was seen of a connection.

    Attributes:
        phase: What it was at.
        waited: For how long it has been at that, waiting for the client.
        answer: What was on its way.
        unsent: How much of it was waiting for the client to take it.
        untaken: For how long something of it has been waiting.
        stalled: For how long none of it was seen to be taken.
        counted: Up to where in `waited` a long body was seen to come fast enough.
        come: How much of it had come by then.
    """

    phase: tuple[Phase, object] | None = None
    waited: float = 0
    answer: object = None
    unsent: int = 0
    untaken: float = 0
    stalled: float = 0
    counted: float = 0
    come: int = 0
