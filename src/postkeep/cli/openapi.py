"""postkeep openapi: the API's description."""

import json
from pathlib import Path
from typing import Annotated

import typer

from postkeep.cli.endings import refuse


def openapi(
    *,
    write: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
    check: Annotated[Path | None, typer.Option(help="See that this file is in step; exit code 1 if not.")] = None,
) -> None:
    """Show the API's description (OpenAPI, JSON).

    Examples:
        postkeep openapi > openapi.json

        postkeep openapi --check docs/openapi.json
    """
    from postkeep.app import create_app
    from postkeep.settings import Settings

    # The description is the program's, not this machine's: no environment and no .env has a say.
    settings = Settings.model_construct()
    document = json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False) + "\n"
    if check is not None:
        if not check.is_file() or check.read_bytes() != document.encode():
            refuse(f"{check} is not in step: run `postkeep openapi --write {check}`.")
        typer.echo(f"{check} is in step.")
    elif write is not None:
        write.write_text(document, "utf-8")
    else:
        typer.echo(document, nl=False)
