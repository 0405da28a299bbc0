"""What Postkeep does: the use cases, over fakes."""
