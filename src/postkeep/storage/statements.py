"""SQLAlchemy's statements, compiled once each and run on the drivers themselves.

Compiling, looking up what was compiled, and SQLAlchemy's connection and result cost several times what the driver
does; a statement of ours never changes, so its SQL, its values' order and its columns' types are found out once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import BindParameter, ClauseElement, Dialect, Executable, Select
from sqlalchemy.sql.compiler import SQLCompiler

from postkeep.storage.limits import PART_LENGTH

Parameters: TypeAlias = Mapping[str, object]
"""A statement's values by name; "owner" is the account that its rows belong to."""

Statement: TypeAlias = Executable

# A row has the columns of its statement, which Python's types cannot say.
Rows: TypeAlias = Sequence[Sequence[Any]]

_Processor: TypeAlias = Callable[[Any], Any]

FEW: Final = 3
"""So many rows are fetched at a time: each may have a megabyte, however short those before it were.

What waits for clients has room for four of the largest (`server.connections.MOST_UNSENT_BYTES`).
"""

MOST_AT_ONCE: Final = 64
"""So many rows are a part at most, however short they are."""

_KEPT: Final = 512
"""How many compiled statements are remembered: the repositories have some thirty, and there are many kinds of lists."""


class ConstraintBroken(Exception):
    """A statement breaks a constraint; the text is the driver's, which may name values."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement found.

    Attributes:
        rowcount: How many rows it changed, or was found to change.
        rows: All rows that it answers.
    """

    rowcount: int
    rows: Rows = ()

    def first(self) -> Sequence[Any] | None:
        """Return the first row, or None."""
        return self.rows[0] if self.rows else None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement as a driver takes it.

    Attributes:
        sql: Its text, with the driver's own marks for values.
    """

    sql: str
    # For each mark: the value's name and what writes it, or no name and the value itself.
    _marks: tuple[tuple[str | None, _Processor | None, object], ...]
    # For each column whose type is more than the driver's: its place, and what reads it.
    _columns: tuple[tuple[int, _Processor], ...]

    def values(self, parameters: Parameters) -> list[object]:
        """Return what stands for the marks, in their order, as the driver takes it.

        Raises:
            KeyError: A value is missing.
        """
        return [
            constant if name is None else parameters[name] if write is None else write(parameters[name])
            for name, write, constant in self._marks
        ]

    def rows(self, fetched: Iterable[Sequence[Any]]) -> Rows:
        """Return the driver's rows as the columns' types say."""
        columns, rows = self._columns, list[Sequence[Any]]()
        for each in fetched:
            row = list(each)
            for index, read in columns:
                row[index] = read(row[index])
            rows.append(row)
        return rows


def numbered(prefix: str, size: int) -> list[str]:
    """Return the names of the values of a list that a statement has room for."""
    return [f"{prefix}_{number}" for number in range(size)]


def padded(names: Sequence[str], values: Sequence[object]) -> dict[str, object]:
    """Return values by all the names of a list, the last one once more for each name that is left over.

    So a statement with a list is made for a few sizes only: whoever prepares statements prepares those once.
    """
    return {name: values[min(number, len(values) - 1)] for number, name in enumerate(names)}


class Part:
    """Rows of a long list that are answered together: about as long as a part, however long each is.

    Attributes:
        rows: Those that were taken.
    """

    def __init__(self, most: int) -> None:
        """Begin with none, to take so many at most."""
        self.rows: list[Sequence[Any]] = []
        self._most = most
        self._room = PART_LENGTH

    @property
    def wanted(self) -> int:
        """How many rows to fetch now; 0 where these are enough. One at first: where it is large, the part is whole."""
        return min(FEW if self.rows else 1, self._most - len(self.rows)) if self._room > 0 else 0

    def take(self, fetched: Rows) -> None:
        """Take rows that were fetched."""
        self.rows += fetched
        self._room -= sum(len(value) for row in fetched for value in row if isinstance(value, str))


@lru_cache(_KEPT)
def compiled(statement: Statement, dialect: Dialect) -> Compiled:
    """Compile a statement for a driver.

    Args:
        statement: One that is made once; it is remembered by its identity.
        dialect: Whose words to use, with values by position.
    """
    assert isinstance(statement, ClauseElement)  # noqa: S101 - for the type checker: every statement is one
    form = statement.compile(dialect=dialect)
    assert isinstance(form, SQLCompiler)  # noqa: S101 - the same
    return Compiled(
        str(form),
        tuple(_mark(form.binds[name], dialect) for name in form.positiontup or ()),
        tuple(_columns(statement, dialect)),
    )


def _mark(bind: BindParameter[Any], dialect: Dialect) -> tuple[str | None, _Processor | None, object]:
    """Return a parameter's name and what writes its value, or else the value itself where it is fixed."""
    write = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.required:
        return bind.key, write, None
    return None, None, bind.value if write is None else write(bind.value)


def _columns(statement: Statement, dialect: Dialect) -> Iterator[tuple[int, _Processor]]:
    """Go through the columns whose values need a step of SQLAlchemy's, each with its place."""
    for index, column in enumerate(statement.selected_columns if isinstance(statement, Select) else ()):
        read = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if read is not None:
            yield index, read
