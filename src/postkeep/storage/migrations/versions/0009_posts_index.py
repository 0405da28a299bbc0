"""List an account's posts by their last change, and count them by status, without reading their texts.

Revision 0009, after 0008. One DDL statement, harmless to run again: MySQL knows no CREATE INDEX IF NOT EXISTS, so it is
asked beforehand.
"""

from alembic import op
from sqlalchemy import inspect

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NAME = "ix_posts_account_id_updated_date_id_status"


def upgrade() -> None:
    """Go to 0009."""
    if not is_there():
        op.create_index(NAME, "posts", ["account_id", "updated_date", "id", "status"])


def downgrade() -> None:
    """Go back to 0008."""
    if is_there():
        op.drop_index(NAME, "posts")


def is_there() -> bool:
    """Whether the index was made."""
    return NAME in {index["name"] for index in inspect(op.get_bind()).get_indexes("posts")}
