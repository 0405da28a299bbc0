"""What makes a mutant of a server."""
