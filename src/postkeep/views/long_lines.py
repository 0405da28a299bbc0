"""Lines that are too long for browsers to find out the direction of each by itself."""

from typing import Final

LONGEST: Final = 16 * 1024
"""What Chromium takes for that grows with the square of a line's length: for half a megabyte it is seconds, at each key
that is pressed. A text with such a line goes one way as a whole (`dir="auto"`)."""


def has_long_line(text: str) -> bool:
    """Whether one of a text's lines has more characters than that; looks at each character once or twice."""
    at = 0
    while len(text) - at > LONGEST:
        end = text.rfind("\n", at, at + LONGEST + 1)
        if end < 0:
            return True
        at = end + 1
    return False
