"""A database server's port: what it does where the server itself says nothing."""

import asyncio
from typing import Final

from sqlalchemy import URL

_SECONDS: Final = 1.0
"""How long each step may take, behind a look that has already taken much longer."""

_PORT: Final = 3306


async def find_silence(url: URL) -> str:
    """Say why a database server is silent, and what to do.

    Its port refuses, or takes a connection and stays silent (a server speaks first in this protocol), or cannot be
    reached at all: whoever is told to start what is frozen looks in the wrong place.
    """
    path = url.query.get("unix_socket")
    host, port = url.host or "localhost", url.port or _PORT
    try:
        async with asyncio.timeout(_SECONDS):
            opening = asyncio.open_unix_connection(str(path)) if path else asyncio.open_connection(host, port)
            reader, writer = await opening
    except (ConnectionRefusedError, FileNotFoundError):
        return "Its port refuses connections. Is it running?"
    except TimeoutError:
        return "It cannot be reached: its machine is down, or something in between drops packets."
    except OSError as error:
        return f"It cannot be reached ({error.strerror or error}): is that its right name, and the network well?"
    try:
        async with asyncio.timeout(_SECONDS):
            greeting = await reader.read(1)
    except TimeoutError:
        return "Its port takes connections and stays silent: it is frozen. Look at its machine and its disk."
    except OSError:
        greeting = b""
    finally:
        writer.close()
    if not greeting:
        return "Its port takes connections and hangs up at once: is it starting, or a proxy with nothing behind it?"
    return "It greets, and then takes too long: look at its machine and at the wire."
