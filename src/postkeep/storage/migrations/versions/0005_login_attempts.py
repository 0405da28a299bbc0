"""Make the table in which attempts to get in are counted.

Revision 0005, after 0004. One DDL statement, harmless to run again. Releases before it never look at it, so the
database goes on serving them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to 0005."""
    moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    op.create_table(
        "login_attempts",
        sa.Column("attempt_key", sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb"), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("under_way", sa.Integer(), nullable=False),
        sa.Column("changed_date", moment, nullable=False),
        sa.Column("expires_date", moment, nullable=False),
        sa.Column("blocked_until", moment, nullable=True),
        sa.PrimaryKeyConstraint("attempt_key", name=op.f("pk_login_attempts")),
        sa.CheckConstraint("failures >= 0 AND under_way >= 0", name=op.f("ck_login_attempts_counts_not_negative")),
        # SQLite ignores the length in the type.
        sa.CheckConstraint("length(attempt_key) = 32", name=op.f("ck_login_attempts_attempt_key_length")).ddl_if(
            dialect="sqlite"
        ),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )


def downgrade() -> None:
    """Go back to 0004."""
    op.drop_table("login_attempts", if_exists=True)
