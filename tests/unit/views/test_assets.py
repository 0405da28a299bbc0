"""What pages are drawn with: each file at an address that names its content."""

import json
import re
import struct
from pathlib import Path

import pytest

from postkeep.views.assets import PREFIX, STATIC, Assets

NAMES = sorted(file.name for file in STATIC.iterdir() if file.is_file() and not file.name.startswith("docs."))


@pytest.mark.parametrize("name", NAMES)
def test_every_file_has_an_address_with_its_hash(name: str) -> None:
    """None is left out, and what comes from there is the file."""
    assets = Assets()
    url = assets.url(name)
    assert re.fullmatch(rf"/static/{name.partition('.')[0]}\.[0-9a-f]{{12}}\.{name.partition('.')[2]}", url)
    found = assets.find(url.removeprefix(PREFIX))
    assert found is not None
    assert found.body == (STATIC / name).read_bytes()


@pytest.mark.parametrize(
    "name", ["", "page.css", "page.000000000000.css", "../assets.py", "page.css.000000000000", "swagger-ui/LICENSE"]
)
def test_nothing_else_is_there(name: str) -> None:
    """Neither an older content nor a file without its hash may be kept by browsers for ever."""
    assert Assets().find(name) is None


def test_a_changed_file_has_another_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """So that no browser draws a new page with an old style sheet."""
    folder = tmp_path_factory.mktemp("static")
    for name in NAMES:
        (folder / name).write_bytes((STATIC / name).read_bytes())
    (folder / "page.css").write_bytes(b"/* another one */")
    before = Assets()
    monkeypatch.setattr("postkeep.views.assets.STATIC", folder)
    after = Assets()
    changed = [name for name in NAMES if before.url(name) != after.url(name)]
    assert changed == ["page.css"]


def test_a_file_that_is_missing_is_noticed_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not by the first visitor."""
    monkeypatch.setattr("postkeep.views.assets.STATIC", tmp_path)
    with pytest.raises(FileNotFoundError):
        Assets()


def test_the_manifest_names_icons_of_the_sizes_that_it_says() -> None:
    """Otherwise nothing can be installed."""
    assets = Assets()
    found = assets.find(assets.url("manifest.webmanifest").removeprefix(PREFIX))
    assert found is not None
    manifest = json.loads(found.body)
    assert {icon["sizes"] for icon in manifest["icons"]} == {"192x192", "512x512"}
    for icon in manifest["icons"]:
        image = assets.find(icon["src"].removeprefix(PREFIX))
        assert image is not None
        assert (image.content_type, image.body[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", image.body[16:24])
        assert icon["sizes"] == f"{width}x{height}"
