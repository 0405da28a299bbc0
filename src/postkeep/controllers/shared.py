"""What all requests of a process share, made once at its start."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import HTTPConnection

from postkeep.controllers.bodies import Bodies
from postkeep.controllers.large_texts import LargeTexts
from postkeep.controllers.spools import Spools
from postkeep.services import Services
from postkeep.views.cursors import Cursors


class AccountLimit(Protocol):
    """Counts requests of accounts; the door has one for addresses, too."""

    def hit(self, client: Hashable) -> int:
        """Count a request, and return 0; or the seconds, at least 1, after which the client may try again."""
        ...


@dataclass(frozen=True, slots=True)
class Shared:
    """What operations and pages stand on. The state of the application's lifespan has it as `shared`.

    Attributes:
        services: The use cases.
        cursors: Writes and reads where the next page of a list begins.
        account_limit: Says which accounts send too many requests.
        bodies: Counts the bodies in memory.
        large_texts: Says whose turn it is to have something made of a large text.
        spools: Where what is brought in waits on the disk.
        answer_seconds: How long a client may take for an answer.
    """

    services: Services
    cursors: Cursors
    account_limit: AccountLimit
    bodies: Bodies
    large_texts: LargeTexts
    spools: Spools
    answer_seconds: float


def shared_of(request: HTTPConnection) -> Shared:
    """Return what a request shares with all others."""
    shared: Shared = request.state.shared
    return shared
