"""The database's clock, as an expression."""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from postkeep.storage.tables import UtcDateTime


class utc_now(FunctionElement[Any]):  # noqa: N801 - it reads as the SQL function it is
    """The present moment by the database's clock, in UTC."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(utc_now, "sqlite")
def _sqlite(_element: utc_now, _compiler: object, **_options: object) -> str:
    """SQLite has milliseconds, and is on this machine."""
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


@compiles(utc_now, "mysql")
@compiles(utc_now, "mariadb")
def _mysql(_element: utc_now, _compiler: object, **_options: object) -> str:
    """Both count microseconds when asked to."""
    return "UTC_TIMESTAMP(6)"
