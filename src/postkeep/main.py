"""The application as ASGI servers ask for it: `uvicorn postkeep.main:app`."""

import sys

from postkeep.app import create_app
from postkeep.domain.errors import Misconfigured

try:
    app = create_app()
except Misconfigured as error:
    sys.exit(f"postkeep: {error}")
