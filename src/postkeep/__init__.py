"""Postkeep keeps people's posts: safe, exact and fast."""
