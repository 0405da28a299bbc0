"""Controllers, each by itself."""
