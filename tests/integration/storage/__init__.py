"""The storage on every database."""
