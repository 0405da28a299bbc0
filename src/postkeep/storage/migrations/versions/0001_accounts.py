"""Make the table of accounts.

Revision 0001, the first. One DDL statement, harmless to run again.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to 0001."""
    identifier = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")
    # SQLite ignores the lengths in the types.
    lengths = {"id": "= 16", "email": "<= 254", "email_key": "<= 254", "password_hash": "<= 255", "status": "<= 16"}
    op.create_table(
        "accounts",
        sa.Column("id", identifier, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column(
            "email_key", sa.LargeBinary(254).with_variant(mysql.VARBINARY(254), "mysql", "mariadb"), nullable=False
        ),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("access_version", sa.BigInteger(), nullable=False),
        sa.Column("posts_version", sa.BigInteger(), nullable=False),
        sa.Column("posts", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_date", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("email_key", name=op.f("uq_accounts_email_key")),
        sa.CheckConstraint("status IN ('active', 'disabled')", name=op.f("ck_accounts_status_known")),
        sa.CheckConstraint("access_version > 0 AND posts_version > 0", name=op.f("ck_accounts_versions_positive")),
        sa.CheckConstraint("posts >= 0 AND bytes >= 0", name=op.f("ck_accounts_counts_not_negative")),
        *(
            sa.CheckConstraint(f"length({column}) {limit}", name=op.f(f"ck_accounts_{column}_length")).ddl_if(
                dialect="sqlite"
            )
            for column, limit in lengths.items()
        ),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )


def downgrade() -> None:
    """Go back to an empty database."""
    op.drop_table("accounts", if_exists=True)
