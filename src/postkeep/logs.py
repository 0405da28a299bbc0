"""Logs: one JSON line per event, or readable lines on a terminal. Events carry ids, never what people wrote."""

import json
import logging
import select
import sys
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO
from uuid import UUID

from postkeep.server.request_id import current_request_id

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_PACKAGE: Final = "postkeep"

_STANDARD_ERROR: Final = 2
_PATIENCE_MILLISECONDS: Final = 1000

log = logging.getLogger(__name__)


def configure(level: str, form: Literal["auto", "json", "text"]) -> None:
    """Send all logging to standard error in one form.

    Args:
        level: debug, info, warning or error.
        form: "auto" is text on a terminal and JSON otherwise.
    """
    readable = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler = _Lines()
    handler.setFormatter(_Text() if readable else _Json())
    handler.setLevel(level.upper())
    # Nobody asks which line of which thread said it, and finding out costs more than writing the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # The documented way: https://docs.python.org/3/howto/logging.html#optimization
    logging._srcfile = None  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # asyncmy tells every notice of the server as a warning; what uvicorn tells of itself, our events say, too.
    logging.getLogger("asyncmy").setLevel(logging.ERROR)
    # A form that is none is refused, which is told like any refusal.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    for name in ("uvicorn", "uvicorn.error", "alembic"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.getLogger("uvicorn.access").disabled = True


class _Lines(logging.StreamHandler[TextIO]):
    """Writes lines, but those that nobody takes in a second: whoever waits for that serves nobody and hears no signal.

    A terminal may be held (Ctrl-S), or what reads a pipe be frozen. Then lines are left out until there is room again.

    Source: pipe(7), for what is no longer than PIPE_BUF, which only a trace may be.
    """

    def __init__(self) -> None:
        """Write to standard error."""
        super().__init__()
        self._room = select.poll()
        self._room.register(_STANDARD_ERROR, select.POLLOUT)
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line if there is room, and before it how many had none."""
        if not self._room.poll(0 if self._left_out else _PATIENCE_MILLISECONDS):
            self._left_out += 1
        elif self._left_out:
            lines, self._left_out = self._left_out, 0
            log.warning("log_lines_left_out", extra={"lines": lines})
            self.emit(record)
        else:
            super().emit(record)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what an event says besides its name; foreign loggers' sentences become a field."""
    fields: dict[str, Any] = {}
    if not record.name.startswith(_PACKAGE):
        fields["message"] = record.getMessage()
    fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD and name != "color_message"}
    request_id = current_request_id.get()
    if request_id is not None:
        fields["request_id"] = request_id
    return fields


def _event(record: logging.LogRecord) -> str:
    """Name the event: our own messages are names, other packages' are not."""
    return record.getMessage() if record.name.startswith(_PACKAGE) else record.name


_encode: Final = json.JSONEncoder(default=str).encode


class _Json(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write an event."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": _event(record),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


class _Text(logging.Formatter):
    """One line for people, with the trace below where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write an event."""
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = " ".join(f"{name}={_printable(value)}" for name, value in _fields(record).items())
        line = f"{moment} {record.levelname.lower():<8} {_event(record)} {fields}".rstrip()
        if not record.exc_info:
            return line
        trace = self.formatException(record.exc_info)
        return "\n".join([line, *("".join(c if c.isprintable() else "?" for c in each) for each in trace.split("\n"))])


def _printable(value: object) -> str:
    """Write a value so that it can neither break the line nor act on the terminal."""
    text = str(value)
    plain = isinstance(value, UUID | int | float) or (text.isprintable() and " " not in text)
    return text if plain else json.dumps(text)
