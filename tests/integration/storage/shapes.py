"""What a release relies on in a schema, and what a newer schema has taken away from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, inspect


@dataclass(frozen=True)
class Column:
    """A column, as the database describes it.

    Attributes:
        type: Its type.
        may_be_null: Whether a row may leave it empty.
        may_be_left_out: Whether a row may be written without a word about it.
    """

    type: str
    may_be_null: bool
    may_be_left_out: bool


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        columns: By their names.
        rules: What its rows must fulfil: keys, uniqueness, checks.
    """

    columns: Mapping[str, Column]
    rules: frozenset[str]


def shapes_of(connection: Connection) -> dict[str, Table]:
    """Return all tables of a database, but for Alembic's own."""
    found = inspect(connection)
    return {name: _table(connection, name) for name in found.get_table_names() if name != "alembic_version"}


def taken_away(older: Mapping[str, Table], newer: Mapping[str, Table]) -> list[str]:
    """Say what a release that was made for the older schema would miss or be refused on the newer one."""
    return [line for name, table in older.items() for line in _differences(name, table, newer.get(name))]


def _differences(name: str, older: Table, newer: Table | None) -> Iterator[str]:
    """Say what is wrong with one table."""
    if newer is None:
        yield f"{name} is gone"
        return
    for column, known in older.columns.items():
        if newer.columns.get(column) != known:
            yield f"{name}.{column} is another one, or gone"
    for column in newer.columns.keys() - older.columns:
        if not newer.columns[column].may_be_left_out:
            yield f"{name}.{column} is asked of rows that know nothing of it"
    for rule in sorted(newer.rules ^ older.rules):
        yield f"{name}: {rule}"


def _table(connection: Connection, name: str) -> Table:
    """Describe one table."""
    found = inspect(connection)
    columns = {
        column["name"]: Column(
            str(column["type"]), column["nullable"], column["nullable"] or column.get("default") is not None
        )
        for column in found.get_columns(name)
    }
    rules = {
        f"primary key {found.get_pk_constraint(name)['constrained_columns']}",
        *(f"unique {unique['column_names']}" for unique in found.get_unique_constraints(name)),
        *(f"unique {index['column_names']}" for index in found.get_indexes(name) if index["unique"]),
        *(f"check {check['name']}: {check['sqltext']}" for check in found.get_check_constraints(name)),
        *(f"{key['constrained_columns']} refers to {key['referred_table']}" for key in found.get_foreign_keys(name)),
    }
    return Table(columns, frozenset(rules))
