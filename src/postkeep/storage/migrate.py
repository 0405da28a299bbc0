"""Bringing a database to a revision, with Alembic; the migrations are part of the package."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Engine

SCRIPTS: Final = Path(__file__).parent / "migrations"


def alembic_config(target: URL | Engine | None) -> Config:
    """Make Alembic's configuration for a database, or for what needs none."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["target"] = target
    return config


def upgrade(target: URL | Engine) -> None:
    """Bring a database to this release's revision; nothing happens where it is there."""
    command.upgrade(alembic_config(target), "head")
