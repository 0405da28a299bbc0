"""Which test holds which promise: docs/cases.md, whose lists of tests are written by this and by nobody else.

`.venv/bin/python -m tests.cases` writes them. A test says what it holds by its name: `test_pw_01_...`, or
`test_pw_01_tk_02_...`.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
DOCUMENT: Final = TESTS.parent / "docs/cases.md"

_NUMBERS: Final = {
    "PW": "01 02 03 04 06 07 08 09 10 12 14 15 16 17 18 20 21 22 23 24 25 26",
    "TK": "01 02 03 04 05 06 07 08 09 10 11 13 14 15 17 18 20 21 22 23 24 25 27 28 29 30 31 32 33 34 35 36 37",
    "AZ": "01 02 03 04 05 06 09 10 11 12",
    "IV": "01 02 03 05 06 07 08 09 10 11 12 13 14 17 19 21 22 23 24 25 26 27",
    "SZ": "01 02 03 04 06 07 08 09 10 11 13 14 15 16 17 18 19 20 21 22 24 26 27",
    "DB": "01 02 03 04 05 07 08 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 35 36 37",
    "SV": "01 02 03 04 05 06 07 08 09 10 12 13 14 15 16",
    "BR": "01 02 03 04 05 06 07 08 10 11 12 13 14 16 17 18 19 20",
    "OP": "01 02 04 05 06 07 08 09 10 11 12 13 14 15 16 18 19",
}
IDS: Final = frozenset(f"{section}-{number}" for section, numbers in _NUMBERS.items() for number in numbers.split())
"""The cases of security, databases, processes and browsers, which must all be there; there are more of memory."""

NOT_TESTED: Final = "Not tested: "

_ENTRY: Final = re.compile(r"\*\*([A-Z]{2}-\d\d)\*\* \S")
_LISTED: Final = "- `tests/"
_NAME: Final = re.compile(r"test_((?:(?:pw|tk|az|iv|sz|ca|db|sv|br|op)_\d\d_)+)")


def held_by_tests() -> dict[str, list[str]]:
    """Return all tests that are named for a case, as pytest takes them, by its id."""
    found: dict[str, list[str]] = {}
    for file in sorted(TESTS.rglob("*.py")):
        for node, name in _functions(ast.parse(file.read_text("utf-8"))):
            held = _NAME.match(node)
            for case in re.findall(r"[a-z]{2}_\d\d", held[1]) if held else []:
                where = f"{file.relative_to(TESTS.parent).as_posix()}::{name}"
                found.setdefault(case.upper().replace("_", "-"), []).append(where)
    return found


def cases_of(document: str) -> dict[str, str]:
    """Return each case's paragraph, by its id."""
    blocks = (block for block in document.split("\n\n") if _ENTRY.match(block))
    return {block[2:7]: block for block in blocks}


def rendered(document: str, tests: Mapping[str, list[str]]) -> str:
    """Return the document with the list of tests below each case; no reason stays where there is a test."""
    blocks = [_with_tests(block, tests) if _ENTRY.match(block) else block for block in document.split("\n\n")]
    return "\n\n".join(blocks).rstrip("\n") + "\n"


def complaints(document: str, tests: Mapping[str, list[str]], ids: frozenset[str] = IDS) -> list[str]:
    """Say which cases are missing, which hold nothing, and which tests hold a case that is not there."""
    cases = cases_of(document)
    missing = [f"{case} is missing" for case in sorted(ids - cases.keys())]
    unknown = [f"{test} is named for {case}, which is missing" for case in tests.keys() - cases for test in tests[case]]
    idle = [
        f"{case} has neither a test nor a reason"
        for case, block in cases.items()
        if not tests.get(case) and not re.search(rf"^{NOT_TESTED}\w+ \w+", block, re.MULTILINE)
    ]
    twice = [f"{case} is there twice" for case in cases if document.count(f"**{case}**") > 1]
    return missing + unknown + idle + twice


def _with_tests(block: str, tests: Mapping[str, list[str]]) -> str:
    """Return a case's paragraph with its tests, and with nobody else's."""
    held = tests.get(block[2:7], [])
    said = [line for line in block.rstrip("\n").split("\n") if not line.startswith(_LISTED)]
    if held:
        said = "\n".join(said).partition(f"\n{NOT_TESTED}")[0].split("\n")
    return "\n".join([*said, *(f"- `{test}`" for test in held)])


def _functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, str]]:
    """Return each function's name, alone and with those of the classes that it is in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, f"{inside}{node.name}"
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{inside}{node.name}::")


if __name__ == "__main__":
    DOCUMENT.write_text(rendered(DOCUMENT.read_text("utf-8"), held_by_tests()), "utf-8")
