"""postkeep healthcheck: what a container engine asks."""

import typer


def healthcheck() -> None:
    """Ask the server that the settings describe whether it is ready, and tell in one line.

    Example:
        postkeep healthcheck
    """
    import asyncio

    from postkeep.bootstrap.readiness import Unasked, find_trouble
    from postkeep.settings import load_settings

    settings = load_settings()
    try:
        trouble = asyncio.run(find_trouble(settings))
    except Unasked as error:
        trouble = str(error)
    if trouble is not None:
        typer.echo(f"postkeep: Not ready: {trouble}", err=True)
        raise typer.Exit(1)
    typer.echo("Ready.")
