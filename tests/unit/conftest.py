"""What the fast tests share."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=20)
settings.register_profile("long", deadline=None, max_examples=2000)


def pytest_configure(config: pytest.Config) -> None:
    """Let Hypothesis try a few examples at every run, and many in a long one."""
    settings.load_profile("long" if config.getoption("--long") else "unit")


@pytest.fixture(scope="session", autouse=True)
async def _one_event_loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keep one event loop for all tests: making one takes longer than most of them."""
    del anyio_backend
    yield  # noqa: PT022 - a fixture that returns is over at once, and its loop with it
