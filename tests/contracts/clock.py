"""The contract of `services.ports.Clock`."""

from datetime import timedelta

from postkeep.services.ports import Clock


class ClockContract:
    """What a clock promises; `clock` is a fixture of the class that inherits this."""

    def test_it_tells_utc(self, clock: Clock) -> None:
        """A time without its zone, or in another one, would be kept wrong."""
        assert clock.now().utcoffset() == timedelta(0)
        assert clock.now().tzname() == "UTC"
