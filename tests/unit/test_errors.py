"""Errors: every refusal has a kind, a code of its own, and one sentence."""

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterator

import pytest

import postkeep
from postkeep.controllers.errors import STATUS, documented, status_of
from postkeep.domain import errors as kinds
from postkeep.domain.errors import Invalid, PostkeepError, TooMany, Unauthenticated, Unavailable

KINDS = {kind for kind in vars(kinds).values() if isinstance(kind, type) and issubclass(kind, PostkeepError)}


def all_errors() -> Iterator[type[PostkeepError]]:
    """Yield every error that any module of the package defines."""
    for module in pkgutil.walk_packages(postkeep.__path__, "postkeep."):
        if "migrations" not in module.name and module.name != "postkeep.main":
            importlib.import_module(module.name)
    found = list(PostkeepError.__subclasses__())
    while found:
        error = found.pop()
        found += error.__subclasses__()
        if error not in KINDS:
            yield error


ERRORS = sorted(set(all_errors()), key=lambda error: error.__name__)


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_has_a_code_and_a_sentence(error: type[PostkeepError]) -> None:
    """Programs read the one, people the other."""
    assert error.code.isascii()
    assert error.code.replace("_", "a").islower()
    assert error().detail.endswith(".")
    assert error().detail == (error.__doc__ or "").splitlines()[0]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_has_a_status(error: type[PostkeepError]) -> None:
    """By its kind; none falls through to 500."""
    assert status_of(error) in {400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503}
    assert list(documented(error)) == [status_of(error)]


def test_a_code_has_one_meaning() -> None:
    """Two errors share a code only where clients must not, or need not, tell them apart; never across statuses."""
    by_code: dict[str, set[type[PostkeepError]]] = defaultdict(set)
    for error in ERRORS:
        by_code[error.code].add(error)
    shared = {code: {error.__name__ for error in errors} for code, errors in by_code.items() if len(errors) > 1}
    assert shared == {"token_invalid": {"TokenInvalid", "AccountGone"}}
    assert all(len({status_of(error) for error in errors}) == 1 for errors in by_code.values())


@pytest.mark.parametrize("error", [error for error in ERRORS if issubclass(error, Invalid)])
def test_every_invalid_names_its_field(error: type[Invalid]) -> None:
    """Clients show it there."""
    assert all(part.replace("-", "_").isidentifier() for part in error.field.split("."))


def test_every_kind_has_a_status() -> None:
    """In one table, which knows no others."""
    assert set(STATUS) == KINDS - {PostkeepError}


def test_no_error_is_of_two_kinds() -> None:
    """Its status would depend on the table's order."""
    for error in ERRORS:
        assert sum(issubclass(error, kind) for kind in STATUS) <= 1


def test_a_message_given_is_the_sentence() -> None:
    """More exact than the class's own."""

    class Wrong(Unauthenticated):
        """Something is wrong."""

        code = "wrong"

    assert Wrong("This is wrong.").detail == "This is wrong."
    assert Wrong().detail == Wrong("").detail == "Something is wrong."


def test_what_passes_says_when_to_come_back() -> None:
    """429 and 503 carry Retry-After, at least one second."""

    class Slow(TooMany):
        """Slow down."""

        code = "slow"

    assert (Slow("Wait.", retry_after=7).retry_after, Slow("Wait.", retry_after=7).detail) == (7, "Wait.")
    assert (Slow().retry_after, Slow().detail) == (1, "Slow down.")
    assert Unavailable.retry_after >= 1
