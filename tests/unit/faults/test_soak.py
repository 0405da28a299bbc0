"""What a soak must not come to, and that the command says so."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import __main__ as command
from tests.faults.figures import LEAST_OK, Figures
from tests.faults.soak import LEAST_SAMPLES, MOST_GROWTH, Growth, Sample, complaints
from tests.faults.verdict import judge

WELL = Figures(
    "sqlite",
    1,
    replace(judge([]), ok=LEAST_OK),
    900,
    strikes={},
    unavailable_ms=[],
    slowest_ms=0,
    statuses={},
    flaws=(),
)


def growing(memory: float = 0, files: float = 0) -> Growth:
    """Return what was seen of a server whose memory and open files are by such a part more in the end."""
    steps = [max(0.0, min(1.0, 3 * n / (LEAST_SAMPLES - 1) - 1)) for n in range(LEAST_SAMPLES)]
    return Growth([Sample(5.0 * n, 480 * (1 + memory * x), round(400 * (1 + files * x))) for n, x in enumerate(steps)])


def test_a_soak_in_which_nothing_fails_and_nothing_grows_is_good() -> None:
    """A little up and down is no growth, and neither is less than the limit."""
    assert not complaints(WELL, growing())
    assert not complaints(WELL, growing(MOST_GROWTH - 0.001, MOST_GROWTH - 0.005))
    assert not complaints(WELL, growing(-0.5, -0.5))


def test_what_is_under_way_for_a_moment_is_no_growth() -> None:
    """A list of megabytes while the last samples were taken is gone the next time."""
    growth = growing()
    growth.samples[-5:-2] = [replace(sample, mib=sample.mib * 1.1) for sample in growth.samples[-5:-2]]
    assert not complaints(WELL, growth)


def test_memory_that_grows_by_the_limit_is_too_much() -> None:
    """It is said by how much, and what the limit is."""
    (said,) = complaints(WELL, growing(MOST_GROWTH + 0.001))
    assert "memory of all workers grew by 2.10%" in said
    assert "less than 2%" in said


def test_files_that_stay_open_are_too_much() -> None:
    """One for each thousand requests would be a hundred in five minutes."""
    (said,) = complaints(WELL, growing(files=MOST_GROWTH + 0.005))
    assert "open files grew by 2.50%" in said


def test_an_answer_of_5xx_and_a_violation_are_too_much() -> None:
    """Nothing strikes, so nothing excuses either."""
    assert complaints(replace(WELL, statuses={503: 2}), growing()) == ["answers of 5xx: {503: 2}"]
    assert complaints(replace(WELL, flaws=("it did not end",)), growing()) == ["something was wrong; see above"]


def test_what_was_watched_for_too_short_says_nothing() -> None:
    """And that is not called good; to say so needs no line through a single sample."""
    for few in range(LEAST_SAMPLES):
        growth = Growth(growing().samples[:few])
        (said,) = complaints(WELL, growth)
        assert "--seconds 900" in said
        assert str(growth)


@pytest.mark.parametrize(("memory", "code"), [(0, 0), (MOST_GROWTH + 0.001, 1)])
def test_the_command_fails_where_memory_grows(
    memory: float, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the same limit as the test of a quarter of an hour, and with a line that says so."""

    async def soaked(*_: object, **__: object) -> tuple[Figures, Growth]:
        return WELL, growing(memory)

    monkeypatch.setattr(command, "soak", soaked)
    assert command.main(["--soak", "--database", "sqlite", "--folder", str(tmp_path)]) == code
    assert ("BAD" in capsys.readouterr().out) is bool(code)
