"""What the words mean: every rule of every value."""
