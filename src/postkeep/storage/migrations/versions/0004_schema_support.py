"""Make the table in which the schema says which releases it serves.

Revision 0004, after 0003. One DDL statement and one row, harmless to run again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to 0004."""
    op.create_table(
        "schema_support",
        sa.Column("oldest_revision", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("oldest_revision", name=op.f("pk_schema_support")),
        sa.CheckConstraint(
            "length(oldest_revision) <= 32", name=op.f("ck_schema_support_oldest_revision_length")
        ).ddl_if(dialect="sqlite"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )
    op.execute("DELETE FROM schema_support")
    op.execute("INSERT INTO schema_support (oldest_revision) VALUES ('0004')")


def downgrade() -> None:
    """Go back to 0003."""
    op.drop_table("schema_support", if_exists=True)
