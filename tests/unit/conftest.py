"""What the fast tests share."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=50)
settings.load_profile("unit")


@pytest.fixture(scope="session", autouse=True)
async def _one_event_loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keep one event loop for all tests: making one takes longer than most of them."""
    del anyio_backend
    yield  # noqa: PT022 - a fixture that returns is over at once, and its loop with it
