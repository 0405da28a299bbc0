"""Who makes room for another where all connections are taken."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from postkeep.server.connection import Connection, Phase, Watch


class Found(NamedTuple):
    """One that makes room.

    Attributes:
        connection: Which.
        end: Ends it, and tells its client where that can be told.
    """

    connection: Connection
    end: Callable[[], None]


def find(watches: Mapping[Connection, Watch], *, patience: float, least_rate: int) -> Found | None:
    """Find a connection with nothing under way, or one whose client has done nothing for the longest.

    That is the one whose head has been coming for the longest, or a body that comes too slowly, or else who has taken
    nothing of an answer for that long: a head comes at once, a body's bytes one after another, and who is slow takes
    something now and then, or it is somebody who means to keep others out.

    Args:
        watches: What was seen of each, in the order in which they would make room.
        patience: For how many seconds one may take nothing of an answer.
        least_rate: How many bytes of a body must come in a second.
    """
    for connection, watch in watches.items():
        if _is_unused(connection, watch):
            return Found(connection, partial(connection.expire, Phase.IDLE))
    for phase, least in ((Phase.HEAD, None), (Phase.BODY, least_rate)):
        begun = [connection for connection, watch in watches.items() if _is_slow(connection, watch, phase, least)]
        if begun:
            slowest = max(begun, key=lambda each: watches[each].waited)
            return Found(slowest, partial(slowest.expire, phase))
    stalled = max(watches, key=lambda each: watches[each].stalled, default=None)
    if stalled is not None and watches[stalled].stalled > patience:
        return Found(stalled, stalled.cut)
    return None


def _is_unused(connection: Connection, watch: Watch) -> bool:
    """Tell whether a connection has nothing under way.

    Who has come since the last look is about to ask something, or has done so, and nobody has read it yet.
    """
    phase = connection.phase()[0]
    return (phase is Phase.IDLE or (phase is Phase.SILENT and watch.phase is not None)) and not connection.unsent()


def _is_slow(connection: Connection, watch: Watch, phase: Phase, least_rate: int | None) -> bool:
    """Tell whether a request has been coming for a while, at less than a rate if that is said.

    Not where the answer to one before it is still on its way: nobody would watch over it any more.
    """
    present, request = connection.phase()
    if present is not phase or not watch.waited or connection.unsent():
        return False
    # Whoever answers may have begun before the body is whole, but not before the head is.
    if connection.is_answering() and (phase is Phase.HEAD or connection.last_answer() is not request):
        return False
    return least_rate is None or connection.received() < least_rate * watch.waited
