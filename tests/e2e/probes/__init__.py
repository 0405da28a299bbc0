"""Probes: tools that attack the server from outside, each with a seed."""
