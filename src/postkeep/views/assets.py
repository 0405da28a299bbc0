"""What the pages are drawn with: a few small files, each at an address that names its content."""

import hashlib
import json
from pathlib import Path
from typing import Final, NamedTuple

STATIC: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static/"

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_FILES: Final = (
    "page.css",
    "writing.js",
    "posts.js",
    "keys.js",
    "dates.js",
    "icon.svg",
    "icon-192.png",
    "icon-512.png",
    "touch-icon.png",
)
_MANIFEST: Final = "manifest.webmanifest"
_HASH_BYTES: Final = 6


class Asset(NamedTuple):
    """A file as it is sent.

    Attributes:
        content_type: What it is.
        body: What is in it.
    """

    content_type: str
    body: bytes


class Assets:
    """The files in memory, by names that change with their content, so that browsers may keep them for ever."""

    def __init__(self) -> None:
        """Read them."""
        self._urls: dict[str, str] = {}
        self._assets: dict[str, Asset] = {}
        for name in _FILES:
            self._add(name, Asset(_TYPES[Path(name).suffix], (STATIC / name).read_bytes()))
        self._add(_MANIFEST, Asset("application/manifest+json", self._manifest()))

    def url(self, name: str) -> str:
        """Return the address of a file that there is."""
        return self._urls[name]

    def find(self, name: str) -> Asset | None:
        """Return what is at `/static/` under a name, if it is one of these."""
        return self._assets.get(name)

    def _add(self, name: str, asset: Asset) -> None:
        """Give a file an address with its hash before the suffix."""
        digest = hashlib.blake2b(asset.body, digest_size=_HASH_BYTES).hexdigest()
        stem, _, suffix = name.rpartition(".")
        hashed = f"{stem}.{digest}.{suffix}"
        self._urls[name] = PREFIX + hashed
        self._assets[hashed] = asset

    def _manifest(self) -> bytes:
        """Describe the pages as an app that can be installed. Source: W3C Web Application Manifest."""
        icons = [
            {"src": self.url(f"icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
            for size in (192, 512)
            for purpose in ("any", "maskable")
        ]
        manifest = {
            "id": "/",
            "name": "Postkeep",
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#faf9f6",
            "theme_color": "#faf9f6",
            "icons": icons,
        }
        return json.dumps(manifest).encode()
