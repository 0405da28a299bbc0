"""postkeep doctor: what is the matter."""

import json
from dataclasses import asdict
from typing import Annotated, Final

import typer

from postkeep.cli.endings import REFUSED

_MARKS: Final = {"ok": "  ok     ", "warning": "  warning", "error": "  ERROR  "}


def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="Write an array of findings, for programs.")] = False
) -> None:
    """Look at settings, secret, files, disk and database, change nothing, and say what to do.

    Ends with 0 if nothing must be changed, and with 1 if something must.

    Example:
        postkeep doctor
    """
    from postkeep.bootstrap.doctor import diagnose
    from postkeep.bootstrap.findings import Verdict

    findings = list(diagnose())
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            typer.echo(f"{_MARKS[finding.verdict]}  {finding.place + ':':<11} {finding.said}")
    if any(finding.verdict is Verdict.ERROR for finding in findings):
        raise typer.Exit(REFUSED)
