"""Every function says what it is for (SPECIFICATION.md: S-27); ruff looks at the public ones alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src/postkeep"


def undocumented(tree: ast.AST, *, inside: bool = False) -> Iterator[str]:
    """Name the classes and functions without a docstring; one within a function is that function's own affair."""
    for node in ast.iter_child_nodes(tree):
        goes_inside = inside
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not inside and ast.get_docstring(node) is None:
                yield node.name
            goes_inside = inside or not isinstance(node, ast.ClassDef)
        yield from undocumented(node, inside=goes_inside)


def test_s_27_every_function_says_what_it_is_for() -> None:
    """Purpose and behaviour, of private ones as well."""
    paths = sorted(PACKAGE.rglob("*.py"))
    assert len(paths) > 50
    found = {str(path): list(undocumented(ast.parse(path.read_text("utf-8")))) for path in paths}
    assert {path: names for path, names in found.items() if names} == {}
