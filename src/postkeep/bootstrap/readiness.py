"""Readiness: asking the server that the settings describe, as a container engine and an operator do."""

import asyncio
import json
from dataclasses import dataclass
from typing import Final

from postkeep.settings import Settings

SECONDS: Final = 3
"""How long the whole question may take."""

_OK: Final = 200


class Unasked(Exception):
    """Nobody answers there."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a server is not ready.

    Attributes:
        said: In words.
        is_silent: Whether its port takes a connection, on which nothing comes.
    """

    said: str
    is_silent: bool = False


async def find_trouble(settings: Settings) -> Trouble | None:
    """Ask whether it is ready, and return what is the matter, None when nothing is.

    Raises:
        Unasked: Nobody is there who could be asked.
    """
    # Whoever listens on all addresses listens on loopback.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not listened on
    port = settings.port
    connected = asyncio.Event()
    try:
        async with asyncio.timeout(SECONDS):
            status, body = await _get(host, port, connected)
    except TimeoutError:
        return Trouble(f"no answer from {host} port {port} in {SECONDS} seconds.", is_silent=connected.is_set())
    except UnicodeError:
        return Trouble(f"{host} is no name of a host.")
    except ConnectionRefusedError as error:
        message = f"nobody listens on {host} port {port}."
        raise Unasked(message) from error
    except OSError as error:
        return Trouble(f"{host} port {port}: {error.strerror or error}.")
    except ValueError:
        return Trouble(f"what listens on {host} port {port} does not speak HTTP.")
    return None if status == _OK else Trouble(_reason(status, body))


async def _get(host: str, port: int, connected: asyncio.Event) -> tuple[int, bytes]:
    """Get /readyz; written out, because the library's timeouts count for each step anew.

    Args:
        host: Whom to ask.
        port: Where.
        connected: Set as soon as the port has taken the connection.

    Raises:
        ValueError: The answer is not one of HTTP.
    """
    reader, writer = await asyncio.open_connection(host, port)
    connected.set()
    try:
        name = f"[{host}]" if ":" in host else host
        writer.write(f"GET /readyz HTTP/1.0\r\nHost: {name}:{port}\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    version, status = head.split(b" ", 2)[:2]
    if not version.startswith(b"HTTP/"):
        raise ValueError
    return int(status), body


def _reason(status: int, body: bytes) -> str:
    """Return what a refusal says for people (RFC 9457), or its status where it says nothing."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, LookupError, TypeError):
        return f"the answer has status {status}."
