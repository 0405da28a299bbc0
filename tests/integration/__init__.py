"""Tests with real databases and real adapters."""
