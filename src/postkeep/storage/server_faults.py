"""What a server database's errors mean, by their numbers."""

from enum import Enum, auto
from typing import Final

from asyncmy.errors import MySQLError

_LOST: Final = frozenset(
    {1036, 1040, 1047, 1053, 1077, 1079, 1080, 1158, 1159, 1160, 1161, 1290, 1792, 1836, 1874, 1927, 4031}
)
"""The server ends the connection, cannot take one, or only reads from now on: another connection may lead to one that
does better. So do all errors that are the driver's."""

_READ_ONLY: Final = frozenset({1036, 1290, 1792, 1836, 1874})
"""Those of them that say so of the server itself: all that lead to it are as good."""

SERVER_LOST: Final = 2013
"""What the driver says of a connection that is gone in the middle of a statement."""

_COLLIDED: Final = frozenset({1020, 1205, 1213, 3101})
"""The transaction lost against another one and was, or is now, rolled back."""

_REFUSED: Final = frozenset(
    {3, 5, 1021, 1026, 1028, 1030, 1034, 1037, 1038, 1041, 1044, 1045, 1049, 1114, 1129, 1130, 1142, 1143, 1146}
    | {1180, 1203, 1206, 1226, 1227, 1317, 1637, 1665, 1698, 1969, 3024, 3169, 3170, 3572}
    | {1016, 1017, 1024, 1033, 1194, 1195, 1296, 1297, 1712, 1812, 1814, 1877, 1878, 1881, 1932}
)
"""The server cannot do it now: no room on its disk or in its memory, no right any more, a limit of its own, no table, a
log that cannot take it; and, in the last line, files of its own that are damaged, gone, or more than it may open.

Source: MySQL's and MariaDB's error references.
"""


class Fault(Enum):
    """What an error of the database means for whoever asked."""

    COLLIDED = auto()
    LOST = auto()
    REFUSED = auto()
    OURS = auto()

    @classmethod
    def of(cls, error: MySQLError) -> "Fault":
        """Tell by the error's number; one that the driver made up itself is about the connection."""
        number = error.args[0] if error.args else None
        if number in _REFUSED:
            return cls.REFUSED
        if not isinstance(number, int) or number < 1000 or 2000 <= number < 3000 or number in _LOST:  # noqa: PLR2004
            return cls.LOST
        return cls.COLLIDED if number in _COLLIDED else cls.OURS


def is_read_only(error: MySQLError) -> bool:
    """Whether the server only reads from now on."""
    return bool(error.args) and error.args[0] in _READ_ONLY
