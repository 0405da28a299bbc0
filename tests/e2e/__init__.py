"""End to end: the real `postkeep serve`, as a process of its own, over real sockets, on real databases."""
