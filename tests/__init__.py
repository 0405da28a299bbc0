"""Tests: unit (no input or output), integration (real databases and adapters), e2e (a real server, real sockets)."""
