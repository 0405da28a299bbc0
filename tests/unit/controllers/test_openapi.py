"""The API's own description: what is answered, whichever layer answers it."""

import json
from pathlib import Path
from typing import Final

import pytest

from postkeep.controllers.api.lists import REMEMBERED

DOCUMENT: Final = json.loads((Path(__file__).parents[3] / "docs/openapi.json").read_text("utf-8"))


@pytest.mark.parametrize("path", REMEMBERED)
def test_what_is_remembered_may_be_unmodified(path: str) -> None:
    """Clients that are made of the description take a status that it lacks for a mistake."""
    said = DOCUMENT["paths"][path]["get"]["responses"]
    assert said["304"]["headers"]["ETag"]["required"]
