"""The rest of the outside world: one file per thing that a port stands for."""
