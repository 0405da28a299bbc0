"""The command `postkeep`: the command line, from the first moment on in which Ctrl-C can come."""

import sys
from typing import Final

_INTERRUPTED: Final = 130
"""As shells say of what Ctrl-C ended; once a command runs, Typer says the same."""


def main() -> None:
    """Import the command line and run it; the import takes long enough for somebody to think better of it."""
    try:
        from postkeep import cli  # noqa: PLC0415 - what is imported above is out of reach here

        cli.main()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
