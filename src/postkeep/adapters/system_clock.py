"""The machine's clock."""

from datetime import UTC, datetime


class SystemClock:
    """The time of day as this machine tells it. See `services.ports.Clock`."""

    def now(self) -> datetime:
        """Return the current time, timezone-aware, UTC."""
        return datetime.now(UTC)
