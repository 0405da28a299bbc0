"""Lines that are too long for browsers."""

import pytest

from postkeep.views.long_lines import LONGEST, has_long_line

LINE = "x" * LONGEST


@pytest.mark.parametrize(
    ("text", "is_long"),
    [
        ("", False),
        (LINE, False),
        (f"{LINE}\n", False),
        (f"{LINE}\n" * 3 + LINE, False),
        ("\n" * 3 * LONGEST, False),
        (f"{LINE}x", True),
        (f"\n{LINE}x", True),
        (f"{LINE}x\n", True),
        (f"short\n{LINE}\nshort\n{LINE}x\n", True),
    ],
)
def test_the_longest_line_counts(text: str, *, is_long: bool) -> None:
    """Wherever it stands, and no text that is long for its lines' number."""
    assert has_long_line(text) is is_long
