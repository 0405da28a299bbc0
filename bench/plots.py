"""What `python -m bench --only capacity --write-capacity bench/capacity.json` measured, as figures and tables in docs/.

`python -m bench.plots` draws docs/figures/*.svg and writes the tables of docs/capacity.md; `--check` sees that they are
those of the measurements.
"""

import json
import math
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pygal
from pygal.style import CleanStyle

from bench.capacity import BY_CLIENTS, BY_POSTS

ROOT: Final = Path(__file__).parents[1]
DATA: Final = ROOT / "bench/capacity.json"
FIGURES: Final = ROOT / "docs/figures"
DOCUMENT: Final = ROOT / "docs/capacity.md"

_TABLES: Final = re.compile(r"(?<=<!-- python -m bench\.plots writes from here -->\n).*(?=<!-- to here -->)", re.DOTALL)
_SCRIPT: Final = re.compile(r"<script.*?</script>", re.DOTALL)
_COMMENT: Final = re.compile("<!--.*?-->", re.DOTALL)
_STYLE: Final = CleanStyle(
    font_family="sans-serif", legend_font_size=13, label_font_size=12, title_font_size=16, background="white"
)


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured once, or the median of several times.

    Attributes:
        at: How many clients, or posts.
        rate: Answers per second.
        p50_ms: Half of the answers came at least this fast.
        p99_ms: 99 of 100 did.
        cpu_us: Processor time of the server for each answer.
        database_us: That of the database, where it is a process of its own.
    """

    at: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    database_us: float


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one kind of request on one database."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot.

    Attributes:
        name: Its file's.
        title: What it shows.
        across: What the horizontal axis counts: the beginning of its series' titles.
        up: What the vertical axis counts.
        member: The same, as a point has it.
        is_logarithmic: Whether that axis is, for what differs many times over; otherwise it begins at 0.
    """

    name: str
    title: str
    across: str
    up: str
    member: str
    is_logarithmic: bool = True


PLOTS: Final = (
    Figure("throughput", "Throughput against clients", BY_CLIENTS, "answers per second", "rate"),
    Figure("latency", "Latency against clients", BY_CLIENTS, "milliseconds, 99 of 100 are faster", "p99_ms"),
    Figure(
        "cost",
        "Cost against the posts of an account",
        BY_POSTS,
        "server CPU, µs for each answer",
        "cpu_us",
        is_logarithmic=False,
    ),
)


def drawn(figure: Figure, measured: Iterable[Series]) -> str:
    """Return a plot as SVG. Each step across is some times the one before it."""
    chosen = [each for each in measured if each.name.startswith(f"{figure.across}: ")]
    heights = [[getattr(point, figure.member) for point in each.points] for each in chosen]
    least, most = min(map(min, heights)), max(map(max, heights))
    decades = [10**power for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)]
    chart: Any = pygal.Line(
        title=figure.title,
        x_title={BY_CLIENTS: "clients at the same time", BY_POSTS: "posts of the account"}[figure.across],
        y_title=figure.up,
        logarithmic=figure.is_logarithmic,
        range=(decades[0], decades[-1]) if figure.is_logarithmic else (0, 1.1 * most),
        style=_STYLE,
        width=820,
        height=440,
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        truncate_legend=-1,
        js=(),
        disable_xml_declaration=True,
        value_formatter="{:,.4g}".format,
    )
    # Otherwise a random one stands in the file, which would differ each time.
    chart.uuid = figure.name
    chart.x_labels = [f"{point.at:,}" for point in chosen[0].points]
    if figure.is_logarithmic:
        chart.y_labels = decades
    for each, ups in zip(chosen, heights, strict=True):
        chart.add(each.name.partition(": ")[2], ups)
    said: str = chart.render(is_unicode=True)
    # What it would tell its own program, which is not there; and the day, which would be another one tomorrow.
    return _COMMENT.sub("", _SCRIPT.sub("", said)) + "\n"


def tabled(data: Any, measured: Iterable[Series]) -> str:  # noqa: ANN401 - JSON is anything
    """Return the tables."""
    lines = [f"Measured on {data['begun']}:", "", *(f"- {line}" for line in data["machine"])]
    lines.append(f"- Processors busy with other things meanwhile: {data['busy']:.2f}")
    for each in measured:
        across = {BY_CLIENTS: "clients", BY_POSTS: "posts"}[each.name.partition(": ")[0]]
        lines += ["", f"### {each.name}", ""]
        lines += [
            f"| {across} | answers/s | p50 ms | p99 ms | server CPU µs | database CPU µs |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {point.at:,} | {point.rate:,.0f} | {point.p50_ms:.1f} | {point.p99_ms:.1f} | {point.cpu_us:,.0f}"
            f" | {f'{point.database_us:,.0f}' if point.database_us else '-'} |"
            for point in each.points
        ]
    return "\n".join([*lines, ""])


def files() -> dict[Path, str]:
    """Return what each file is to hold, made from what was measured."""
    data = json.loads(DATA.read_text("utf-8"))
    measured = [Series(each["title"], [Point(**point) for point in each["points"]]) for each in data["series"]]
    tables = tabled(data, measured)
    return {
        **{FIGURES / f"{figure.name}.svg": drawn(figure, measured) for figure in PLOTS},
        DOCUMENT: _TABLES.sub(lambda _: tables, DOCUMENT.read_text("utf-8")),
    }


def main(option: str = "") -> str | None:
    """Write the files, or (`--check`) say which of them are not what they are to be."""
    made = files()
    if option == "--check":
        differing = [path.name for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
        return f"run python -m bench.plots: {', '.join(differing)}" if differing else None
    for path, text in made.items():
        path.write_text(text, "utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
