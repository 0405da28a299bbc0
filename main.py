"""The plain entry point: `uvicorn main:app --reload`."""

from postkeep.main import app

__all__ = ["app"]
