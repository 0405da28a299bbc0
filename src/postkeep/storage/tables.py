"""The tables: columns, keys, checks and the names of constraints. Every database gets the same rules."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from postkeep.domain.accounts import EMAIL_MAX_LENGTH, AccountStatus
from postkeep.domain.attempts import KEY_BYTES
from postkeep.domain.idempotency import HASH_BYTES
from postkeep.domain.posts import TITLE_MAX_LENGTH, Status
from postkeep.domain.sessions import ADDRESS_MAX_LENGTH, DEVICE_MAX_LENGTH, SALT_BYTES, SessionStatus
from postkeep.storage.lengths import limit_lengths

# utf8mb4_bin is the one collation that MySQL and every MariaDB know and that tells cases, accents and forms apart. It
# takes "a" and "a " for equal (PAD SPACE), which does no harm: what must differ is kept as bytes (ids, email_key), and
# what else is compared (statuses, password hashes, revisions) is never written with a space behind it.
_TABLE: Final = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}

SERVERS: Final = ("mysql", "mariadb")
"""What SQLAlchemy calls the server databases."""

_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Id(TypeDecorator[UUID]):
    """A UUID as its 16 bytes, which sort as the UUIDs do."""

    impl = LargeBinary(16)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401 - SQLAlchemy's own signature
        """Ask a server for exactly 16 bytes in the row itself."""
        return dialect.type_descriptor(mysql.BINARY(16) if dialect.name in SERVERS else LargeBinary(16))

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> bytes | None:
        """Write a UUID."""
        return None if value is None else value.bytes

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ANN401 - SQLAlchemy's own signature
        """Return what reads a UUID, without SQLAlchemy's steps in between: a list reads many."""
        return _uuid_of


class UtcDateTime(TypeDecorator[datetime]):
    """A moment to the microsecond, kept in UTC whatever the server's time zone is."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401 - SQLAlchemy's own signature
        """Ask MySQL for microseconds, which it drops otherwise."""
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name in SERVERS else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write a moment; one without a zone is a mistake."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a time without its zone"
            raise ValueError(message)
        return value.astimezone(UTC).replace(tzinfo=None)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ANN401 - SQLAlchemy's own signature
        """Return what reads a moment, without SQLAlchemy's steps in between: a list reads many."""
        return _moment_of_text if dialect.name == "sqlite" else _moment_of_naive


def _uuid_of(value: bytes | None) -> UUID | None:
    """Read a UUID."""
    return None if value is None else UUID(bytes=bytes(value))


def _moment_of_text(value: str | None) -> datetime | None:
    """Read a moment as SQLite keeps it."""
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _moment_of_naive(value: datetime | None) -> datetime | None:
    """Read a moment as a server keeps it."""
    return None if value is None else value.replace(tzinfo=UTC)


class IdText(Id):
    """A UUID read as its canonical spelling."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ANN401 - SQLAlchemy's own signature
        """Return what writes the 16 bytes out."""
        return _spelling_of


class MomentText(UtcDateTime):
    """A moment read as RFC 3339 has it."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ANN401 - SQLAlchemy's own signature
        """Return what writes the moment out."""
        return _rfc3339_of_text if dialect.name == "sqlite" else _rfc3339_of_naive


def _spelling_of(value: bytes) -> str:
    """Write a UUID's 16 bytes out."""
    digits = bytes(value).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _rfc3339_of_text(value: str) -> str:
    """Write SQLite's text of a moment as RFC 3339 has it."""
    return f"{value[:10]}T{value[11:]}Z"


def _rfc3339_of_naive(value: datetime) -> str:
    """Write a server's moment as RFC 3339 has it."""
    return value.isoformat(timespec="microseconds") + "Z"


class Row(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=_NAMES)

    def __init_subclass__(cls, **options: object) -> None:
        """Hold a table to the lengths of its columns, on SQLite too."""
        super().__init_subclass__(**options)
        limit_lengths(cls.metadata.tables[cls.__tablename__])


def _one_of(column: str, values: type[AccountStatus | SessionStatus | Status]) -> CheckConstraint:
    """Make the check that a column holds one of an enumeration's values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


class AccountRow(Row):
    """One account."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("email_key"),
        _one_of("status", AccountStatus),
        CheckConstraint("access_version > 0 AND posts_version > 0", name="versions_positive"),
        CheckConstraint("posts >= 0 AND bytes >= 0", name="counts_not_negative"),
        _TABLE,
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(String(EMAIL_MAX_LENGTH))
    email_key: Mapped[bytes] = mapped_column(
        LargeBinary(EMAIL_MAX_LENGTH).with_variant(mysql.VARBINARY(EMAIL_MAX_LENGTH), *SERVERS)
    )
    password_hash: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(16))
    access_version: Mapped[int] = mapped_column(BigInteger)
    posts_version: Mapped[int] = mapped_column(BigInteger)
    posts: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_date: Mapped[datetime] = mapped_column(UtcDateTime)


class SessionRow(Row):
    """One login: the specification's TokenTable, with what verifies tokens instead of tokens."""

    __tablename__ = "sessions"
    __table_args__ = (
        # One account's sessions lie together; a refresh token names its session alone, hence the second key.
        PrimaryKeyConstraint("account_id", "id"),
        UniqueConstraint("id"),
        _one_of("status", SessionStatus),
        CheckConstraint("counter > 0", name="counter_positive"),
        CheckConstraint("(status = 'ended') = (ended_date IS NOT NULL)", name="ended_when_ended"),
        _TABLE,
    )

    id: Mapped[UUID] = mapped_column(Id)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey(AccountRow.id))
    salt: Mapped[bytes] = mapped_column(LargeBinary(SALT_BYTES).with_variant(mysql.BINARY(SALT_BYTES), *SERVERS))
    counter: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16))
    device: Mapped[str] = mapped_column(String(DEVICE_MAX_LENGTH))
    address: Mapped[str] = mapped_column(String(ADDRESS_MAX_LENGTH))
    created_date: Mapped[datetime] = mapped_column(UtcDateTime)
    refreshed_date: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_date: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_date: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PostRow(Row):
    """One post. Its key begins with its account's, so one account's posts lie together on a server database."""

    __tablename__ = "posts"
    __table_args__ = (
        PrimaryKeyConstraint("account_id", "id"),
        _one_of("status", Status),
        CheckConstraint("title <> ''", name="title_not_empty"),
        CheckConstraint("text <> ''", name="text_not_empty"),
        CheckConstraint("version > 0", name="version_positive"),
        CheckConstraint("bytes > 0", name="bytes_positive"),
        # Lists by the last change; with the status, what is counted by that is counted here. docs/adr/0008 has figures.
        Index(None, "account_id", "updated_date", "id", "status"),
        _TABLE,
    )

    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey(AccountRow.id))
    id: Mapped[UUID] = mapped_column(Id)
    title: Mapped[str | None] = mapped_column(String(TITLE_MAX_LENGTH))
    # TEXT ends at 65,535 bytes on MySQL; a post may have a megabyte.
    text: Mapped[str] = mapped_column(Text().with_variant(mysql.MEDIUMTEXT(), *SERVERS))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(Integer)
    bytes: Mapped[int] = mapped_column(Integer)
    created_date: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_date: Mapped[datetime] = mapped_column(UtcDateTime)


class KeyRow(Row):
    """What an idempotency key was used for, by the key's account and hash."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        PrimaryKeyConstraint("account_id", "key_hash"),
        # Its expired ones are found by their dates.
        Index(None, "account_id", "created_date"),
        _TABLE,
    )

    # They go with their account, also where a release removes it that has never heard of them.
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey(AccountRow.id, ondelete="CASCADE"))
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(HASH_BYTES).with_variant(mysql.BINARY(HASH_BYTES), *SERVERS))
    body_hash: Mapped[bytes] = mapped_column(LargeBinary(HASH_BYTES).with_variant(mysql.BINARY(HASH_BYTES), *SERVERS))
    # No foreign key: what was answered once is answered again after the post was deleted.
    post_id: Mapped[UUID] = mapped_column(Id)
    created_date: Mapped[datetime] = mapped_column(UtcDateTime)


class AttemptRow(Row):
    """What is counted of attempts to get in, by what they are counted for; it tells nobody's address or e-mail."""

    __tablename__ = "login_attempts"
    __table_args__ = (
        CheckConstraint("failures >= 0 AND under_way >= 0", name="counts_not_negative"),
        Index(None, "expires_date"),
        _TABLE,
    )

    attempt_key: Mapped[bytes] = mapped_column(
        LargeBinary(KEY_BYTES).with_variant(mysql.BINARY(KEY_BYTES), *SERVERS), primary_key=True
    )
    failures: Mapped[int] = mapped_column(Integer)
    under_way: Mapped[int] = mapped_column(Integer)
    changed_date: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_date: Mapped[datetime] = mapped_column(UtcDateTime)
    blocked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SchemaRow(Row):
    """What the schema says of itself: one row."""

    __tablename__ = "schema_support"
    __table_args__ = (PrimaryKeyConstraint("oldest_revision"), _TABLE)

    oldest_revision: Mapped[str] = mapped_column(String(32))
    """The oldest revision whose release this database still serves; a migration that breaks older ones raises it."""
