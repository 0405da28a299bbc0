"""Lengths of columns: a server holds them by the column's type, SQLite by a check."""

import re
from typing import Final

from sqlalchemy import CheckConstraint, Table
from sqlalchemy.dialects import mysql

# VARCHAR and VARBINARY are at most that long, CHAR and BINARY exactly.
_LIMITED: Final = re.compile(r"(VAR)?(?:CHAR|BINARY)\((\d+)\)")


def limit_lengths(table: Table) -> None:
    """Give SQLite a check for each column whose length servers limit: it keeps anything, whatever the type says.

    Servers get none: there the type is enough, and length() counts bytes where VARCHAR counts characters.
    """
    for column in table.columns:
        if limited := _LIMITED.fullmatch(column.type.compile(mysql.dialect())):
            is_variable, length = limited.groups()
            rule = f"length({column.name}) {'<=' if is_variable else '='} {length}"
            table.append_constraint(CheckConstraint(rule, name=f"{column.name}_length").ddl_if(dialect="sqlite"))
