"""postkeep healthcheck: what a container engine asks."""

import typer

from postkeep.cli.endings import refuse


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
        said = trouble and trouble.said
    except Unasked as error:
        said = str(error)
    if said is not None:
        refuse(f"Not ready: {said}")
    typer.echo("Ready.")
