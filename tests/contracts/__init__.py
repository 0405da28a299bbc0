"""What every implementation of a port must do: one class of tests per port, run on the fake and on every adapter."""
