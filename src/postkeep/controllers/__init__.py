"""Routing: each operation calls one service method and returns one view."""
