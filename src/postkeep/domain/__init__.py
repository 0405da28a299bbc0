"""What Postkeep's words mean: accounts, sessions and posts, and the rules they keep. Knows no framework."""
