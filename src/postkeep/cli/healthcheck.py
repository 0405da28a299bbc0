"""postkeep healthcheck: what a container engine asks."""

import asyncio
import json

import typer

SECONDS = 3
"""How long the whole question may take."""


def healthcheck() -> None:
    """Ask the server that the settings describe whether it is ready, and tell in one line.

    Example:
        postkeep healthcheck
    """
    from postkeep.settings import load_settings

    settings = load_settings()
    # Whoever listens on all addresses listens on loopback.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not listened on
    trouble = asyncio.run(_find_trouble(host, settings.port))
    if trouble is not None:
        typer.echo(f"postkeep: Not ready: {trouble}", err=True)
        raise typer.Exit(1)
    typer.echo("Ready.")


async def _find_trouble(host: str, port: int) -> str | None:
    """Ask, and return what is the matter, None when nothing is."""
    try:
        async with asyncio.timeout(SECONDS):
            status, body = await _get(host, port)
    except TimeoutError:
        return f"no answer from {host} port {port} in {SECONDS} seconds."
    except UnicodeError:
        return f"{host} is no name of a host."
    except OSError as error:
        return f"{host} port {port}: {error.strerror or error}."
    except ValueError:
        return f"what listens on {host} port {port} does not speak HTTP."
    return None if status == 200 else _reason(status, body)  # noqa: PLR2004 - HTTP's OK


async def _get(host: str, port: int) -> tuple[int, bytes]:
    """Get /readyz; written out, because the library's timeouts count for each step anew.

    Raises:
        ValueError: The answer is not one of HTTP.
    """
    reader, writer = await asyncio.open_connection(host, port)
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
