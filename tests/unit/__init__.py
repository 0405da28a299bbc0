"""Tests without input or output: the rules, the use cases over fakes, and the fakes themselves."""
