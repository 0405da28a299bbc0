"""docs/cases.md: every promise about security and faults has a test, or says in words why not."""

import re

import pytest

from tests.cases import DOCUMENT, IDS, cases_of, complaints, held_by_tests, rendered

PACKAGE = DOCUMENT.parents[1] / "src/postkeep"

HELD = {"PW-01": ["tests/a.py::test_pw_01_x"]}
TWO = frozenset({"PW-01", "PW-02"})
GOOD = """# Cases

**PW-01** Short ones are refused.
- `tests/a.py::test_pw_01_x`

**PW-02** Long ones are not.
Not tested: nobody can type so much.
"""


def test_every_case_has_a_test_or_a_reason() -> None:
    """No id of CASES.md is forgotten, and no test is named for one that nobody can read about."""
    assert complaints(DOCUMENT.read_text("utf-8"), held_by_tests()) == []
    assert len(IDS) == 194


def test_the_tests_that_are_listed_are_those_that_there_are() -> None:
    """`.venv/bin/python -m tests.cases` writes the lists; a test that was renamed or removed is in none of them."""
    document = DOCUMENT.read_text("utf-8")
    assert document == rendered(document, held_by_tests())


def test_the_threat_model_names_cases_and_modules_that_there_are() -> None:
    """What stops somebody can be looked up: in the table of cases, and in the code."""
    said = (DOCUMENT.parent / "threat-model.md").read_text("utf-8")
    cases = set(re.findall(r"\b[A-Z]{2}-\d\d\b", said))
    assert len(cases) > 30
    assert cases <= cases_of(DOCUMENT.read_text("utf-8")).keys()
    modules = re.findall(r"`((?:\w+/)*\w+\.py)`", said)
    assert len(modules) > 10
    assert [module for module in modules if not (PACKAGE / module).is_file()] == []


def test_a_good_table_is_left_alone() -> None:
    """Written once, it stays."""
    assert complaints(GOOD, HELD, TWO) == []
    assert rendered(GOOD, HELD) == GOOD


@pytest.mark.parametrize(
    ("document", "tests", "told"),
    [
        (GOOD.partition("**PW-02**")[0], HELD, ["PW-02 is missing"]),
        (GOOD, {}, ["PW-01 has neither a test nor a reason"]),
        (GOOD.replace("nobody can type so much.", ""), HELD, ["PW-02 has neither a test nor a reason"]),
        (GOOD.replace("Not tested: nobody", "Nobody"), HELD, ["PW-02 has neither a test nor a reason"]),
        (GOOD, {**HELD, "PW-99": ["t"]}, ["t is named for PW-99, which is missing"]),
        (GOOD + "\n**PW-02** Again.\nNot tested: it is there.\n", HELD, ["PW-02 is there twice"]),
    ],
    ids=["missing", "no-test", "empty-reason", "no-reason", "unknown", "twice"],
)
def test_what_is_wrong_with_a_table_is_told(document: str, tests: dict[str, list[str]], told: list[str]) -> None:
    """A check that nothing could fail would be none."""
    assert complaints(document, tests, TWO) == told


def test_a_list_is_what_the_tests_say() -> None:
    """A test that is gone goes, a new one comes, and with it the reason why there was none."""
    tests = {"PW-02": ["tests/b.py::test_pw_02_y", "tests/c.py::Class::test_pw_02_z"]}
    changed = rendered(GOOD, tests)
    assert "test_pw_01_x" not in changed
    assert "Not tested" not in changed
    assert changed.endswith("Long ones are not.\n- `tests/b.py::test_pw_02_y`\n- `tests/c.py::Class::test_pw_02_z`\n")
