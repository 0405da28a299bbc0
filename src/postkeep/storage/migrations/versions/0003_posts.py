"""Make the table of posts.

Revision 0003, after 0002. One DDL statement, harmless to run again.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to 0003."""
    identifier = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")
    moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    # SQLite ignores the lengths in the types.
    lengths = {"account_id": "= 16", "id": "= 16", "title": "<= 200", "status": "<= 16"}
    op.create_table(
        "posts",
        sa.Column("account_id", identifier, nullable=False),
        sa.Column("id", identifier, nullable=False),
        sa.Column("title", sa.String(200), nullable=True),
        sa.Column("text", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("created_date", moment, nullable=False),
        sa.Column("updated_date", moment, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_posts")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_posts_account_id_accounts")),
        sa.CheckConstraint("status IN ('draft', 'published', 'archived')", name=op.f("ck_posts_status_known")),
        sa.CheckConstraint("title <> ''", name=op.f("ck_posts_title_not_empty")),
        sa.CheckConstraint("text <> ''", name=op.f("ck_posts_text_not_empty")),
        sa.CheckConstraint("version > 0", name=op.f("ck_posts_version_positive")),
        sa.CheckConstraint("bytes > 0", name=op.f("ck_posts_bytes_positive")),
        *(
            sa.CheckConstraint(f"length({column}) {limit}", name=op.f(f"ck_posts_{column}_length")).ddl_if(
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
    """Go back to 0002."""
    op.drop_table("posts", if_exists=True)
