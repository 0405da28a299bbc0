"""Make the table of the keys that requests to add a post came with.

Revision 0007, after 0006. One DDL statement, harmless to run again. Releases before it never look at it and can still
remove accounts, whose keys go along, so the database goes on serving them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to 0007."""
    identifier = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")
    digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")
    moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    # SQLite ignores the lengths in the types.
    lengths = {"account_id": 16, "key_hash": 32, "body_hash": 32, "post_id": 16}
    op.create_table(
        "idempotency_keys",
        sa.Column("account_id", identifier, nullable=False),
        sa.Column("key_hash", digest, nullable=False),
        sa.Column("body_hash", digest, nullable=False),
        sa.Column("post_id", identifier, nullable=False),
        sa.Column("created_date", moment, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key_hash", name=op.f("pk_idempotency_keys")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_idempotency_keys_account_id_accounts"), ondelete="CASCADE"
        ),
        *(
            sa.CheckConstraint(
                f"length({column}) = {length}", name=op.f(f"ck_idempotency_keys_{column}_length")
            ).ddl_if(dialect="sqlite")
            for column, length in lengths.items()
        ),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )


def downgrade() -> None:
    """Go back to 0006."""
    op.drop_table("idempotency_keys", if_exists=True)
