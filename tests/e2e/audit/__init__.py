"""What watches a server's process from within."""
