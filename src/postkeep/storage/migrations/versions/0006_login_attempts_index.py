"""Find what has expired in the table of attempts without reading it through.

Revision 0006, after 0005. One DDL statement, harmless to run again: MySQL knows no CREATE INDEX IF NOT EXISTS, so it is
asked beforehand.
"""

from alembic import op
from sqlalchemy import inspect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAME = "ix_login_attempts_expires_date"


def upgrade() -> None:
    """Go to 0006."""
    if not is_there():
        op.create_index(NAME, "login_attempts", ["expires_date"])


def downgrade() -> None:
    """Go back to 0005."""
    if is_there():
        op.drop_index(NAME, "login_attempts")


def is_there() -> bool:
    """Whether the index was made."""
    return NAME in {index["name"] for index in inspect(op.get_bind()).get_indexes("login_attempts")}
