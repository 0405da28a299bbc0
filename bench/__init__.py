"""What is measured, against what, and how to repeat it: `python -m bench`."""
