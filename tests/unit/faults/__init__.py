"""Unit tests of the history checker."""
