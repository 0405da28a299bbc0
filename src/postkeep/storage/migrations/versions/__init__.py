"""One DDL statement per revision, each harmless to run again: MySQL cannot take a half-done revision back."""
