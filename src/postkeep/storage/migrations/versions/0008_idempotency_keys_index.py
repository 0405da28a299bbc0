"""Find an account's keys that have expired without reading all of them.

Revision 0008, after 0007. One DDL statement, harmless to run again: MySQL knows no CREATE INDEX IF NOT EXISTS, so it is
asked beforehand.
"""

from alembic import op
from sqlalchemy import inspect

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NAME = "ix_idempotency_keys_account_id_created_date"


def upgrade() -> None:
    """Go to 0008."""
    if not is_there():
        op.create_index(NAME, "idempotency_keys", ["account_id", "created_date"])


def downgrade() -> None:
    """Go back to 0007."""
    if is_there():
        op.drop_index(NAME, "idempotency_keys")


def is_there() -> bool:
    """Whether the index was made."""
    return NAME in {index["name"] for index in inspect(op.get_bind()).get_indexes("idempotency_keys")}
