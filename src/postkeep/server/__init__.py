"""The door in front of everything: plain ASGI layers, outermost first in `postkeep.app`."""
