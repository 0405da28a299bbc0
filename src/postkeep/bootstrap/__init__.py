"""The only wiring: from settings to engines, adapters and services."""
