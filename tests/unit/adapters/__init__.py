"""Adapters, as far as they reach nothing outside."""
