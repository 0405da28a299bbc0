"""What a database server must be like to keep every post as it is; seen to at start."""

import re
from typing import Final

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from postkeep.domain.errors import Misconfigured
from postkeep.storage.server_pool import create_server_engine
from postkeep.storage.server_tls import refuse_unverified

MIN_PACKET_BYTES: Final = 8 * 1024 * 1024
"""A text of a megabyte may double when it is escaped, and a statement holds more than the text."""

_OLDEST_MARIADB: Final = (10, 6)
_OLDEST_MYSQL: Final = (8, 0, 16)
"""The first that hold CHECK constraints."""

_SETTINGS: Final = text(
    "SELECT VERSION() AS version, @@GLOBAL.max_allowed_packet AS packet,"
    " @@SESSION.sql_mode AS mode, @@SESSION.time_zone AS zone, @@SESSION.character_set_client AS charset"
)

_BINARY_LOG: Final = text("SHOW VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format')")
_LOGS_STATEMENTS: Final = {"log_bin": "ON", "binlog_format": "STATEMENT"}


async def check_server(url: URL) -> None:
    """See that a server is one that keeps every post as it is.

    Raises:
        Misconfigured: It is not; the message says what to change.
        DBAPIError: It does not answer.
        OSError: It cannot be reached.
    """
    engine = create_server_engine(url, pool_size=1, autocommit=True)
    try:
        async with engine.connect() as connection:
            said = (await connection.execute(_SETTINGS)).one()
            log = {row[0]: row[1] for row in await connection.execute(_BINARY_LOG)}
    except (DBAPIError, OSError) as error:
        refuse_unverified(url, error)
        raise
    except RuntimeError as error:
        # asyncmy's word on uvloop for a connection that the other end closed as soon as it was open.
        raise ConnectionAbortedError(str(error)) from error
    finally:
        await engine.dispose()
    name, oldest = ("MariaDB", _OLDEST_MARIADB) if "MariaDB" in said.version else ("MySQL", _OLDEST_MYSQL)
    version = tuple(int(digits) for digits in re.findall(r"\d+", said.version)[:3])
    if version < oldest:
        message = f"{name} {said.version} is too old: use {'.'.join(map(str, oldest))} or newer."
    elif said.packet < MIN_PACKET_BYTES:
        message = f"max_allowed_packet is {said.packet:,}: set it to {MIN_PACKET_BYTES:,} (8M) or more for large posts."
    elif log == _LOGS_STATEMENTS:
        message = "binlog_format is STATEMENT, which logs no write under READ COMMITTED: set it to MIXED or ROW."
    elif "STRICT_TRANS_TABLES" not in said.mode:
        message = f"The server does not keep a session's sql_mode (it is {said.mode}): allow STRICT_TRANS_TABLES."
    elif (said.zone, said.charset) != ("+00:00", "utf8mb4"):
        message = f"The server does not keep a session's time zone and charset ({said.zone}, {said.charset})."
    else:
        return
    raise Misconfigured(message)
