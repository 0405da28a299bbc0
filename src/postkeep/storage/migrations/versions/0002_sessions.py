"""Make the table of sessions.

Revision 0002, after 0001. One DDL statement, harmless to run again.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to 0002."""
    identifier = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")
    moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    # SQLite ignores the lengths in the types.
    lengths = {
        "id": "= 16",
        "account_id": "= 16",
        "salt": "= 32",
        "status": "<= 16",
        "device": "<= 200",
        "address": "<= 45",
    }
    op.create_table(
        "sessions",
        sa.Column("id", identifier, nullable=False),
        sa.Column("account_id", identifier, nullable=False),
        sa.Column("salt", sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb"), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("device", sa.String(200), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("created_date", moment, nullable=False),
        sa.Column("refreshed_date", moment, nullable=False),
        sa.Column("expires_date", moment, nullable=False),
        sa.Column("ended_date", moment, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("id", name=op.f("uq_sessions_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sessions_account_id_accounts")),
        sa.CheckConstraint("status IN ('active', 'ended')", name=op.f("ck_sessions_status_known")),
        sa.CheckConstraint("counter > 0", name=op.f("ck_sessions_counter_positive")),
        sa.CheckConstraint("(status = 'ended') = (ended_date IS NOT NULL)", name=op.f("ck_sessions_ended_when_ended")),
        *(
            sa.CheckConstraint(f"length({column}) {limit}", name=op.f(f"ck_sessions_{column}_length")).ddl_if(
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
    """Go back to 0001."""
    op.drop_table("sessions", if_exists=True)
