"""The door: what stands in front of the application."""
