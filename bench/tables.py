"""The report's tables: medians over the repeats, each with its least and its most."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Final

from bench.figures import Carrying, Comparison, Growth, Start, Strain, Table, Telling
from bench.measure import Measured
from bench.strainers import shown

_HEAD: Final = (
    "",
    "answers/s",
    "of the first's",
    "p50 ms",
    "p99 ms",
    "server CPU µs/answer",
    "of the first's",
    "database CPU µs/answer",
    "RSS MiB",
)

_STRAIN_HEAD: Final = (
    "",
    "p99 ms alone",
    "p99 ms meanwhile",
    "of alone",
    "answers/s, of alone",
    "peak RSS, MiB",
    "what the others were answered",
)


def starts_table(starts: Iterable[Start]) -> list[str]:
    """Write how long starts take and how much memory an idle server has."""
    rows = [
        (
            start.name,
            spread(start.seconds, "{:.2f}"),
            spread(start.idle_mib, "{:.0f}"),
            f"{start.used_mib:.0f}",
            str(len(start.seconds)),
        )
        for start in starts
    ]
    return _table(("", "start to first answer, s", "idle RSS, MiB", "RSS after sign-ups, MiB", "starts"), rows)


def table_of(table: Table) -> list[str]:
    """Write any of them."""
    match table:
        case Comparison():
            return _comparison_table(table)
        case Growth():
            return _growth_table(table)
        case Carrying():
            return _carrying_table(table)
        case Strain():
            return _strain_table(table)
        case Telling():
            return _telling_table(table)


def _comparison_table(comparison: Comparison) -> list[str]:
    """Write one comparison."""
    _, reference = comparison.sides[0]
    return _table(_HEAD, [(name, *_cells(repeats, reference)) for name, repeats in comparison.sides])


def _growth_table(growth: Growth) -> list[str]:
    """Write how memory grew."""
    rows: list[Sequence[str]] = []
    for server in growth.servers:
        rest = (spread(server.before_mib, "{:.0f}"), spread(server.peak_mib, "{:.0f}"))
        grown = _growth_cells(server.growth_mib, growth.allowed_mib)
        rows.append((server.name, spread(server.seconds, "{:.1f}"), *rest, *grown))
    return _table(("", "seconds", "RSS before, MiB", "peak RSS, MiB", *_growth_head(growth.allowed_mib)), rows)


def _carrying_table(carrying: Carrying) -> list[str]:
    """Write how fast posts were carried. Ratios are made within a repeat."""
    first, posts = carrying.ways[0], carrying.posts
    rows = [
        (
            way.name,
            spread([posts / each for each in way.seconds], "{:,.0f}"),
            spread([other / each for each, other in zip(way.seconds, first.seconds, strict=True)], "{:.3f}"),
            spread(way.seconds, "{:.1f}"),
            *(_growth_cells(way.growth_mib, carrying.allowed_mib) if way.growth_mib else ("-", "-")),
        )
        for way in carrying.ways
    ]
    return _table(("", "posts/s", "of the first's", "seconds", *_growth_head(carrying.allowed_mib)), rows)


def _growth_head(allowed_mib: float) -> tuple[str, str]:
    return "growth, MiB", f"of {allowed_mib:.0f} MiB"


def _growth_cells(grown: Sequence[float], allowed_mib: float) -> tuple[str, str]:
    """Write how much memory grew, and what that is of what it may."""
    return spread(grown, "{:.1f}"), spread([each / allowed_mib for each in grown], "{:.2f}")


def _strain_table(strain: Strain) -> list[str]:
    """Write what others noticed. Ratios are made within a repeat."""
    rows: list[Sequence[str]] = []
    for row in strain.rows:
        pairs = [(each.alone, each.meanwhile) for each in row.repeats]
        rows.append(
            (
                row.name,
                spread([alone.p99_ms for alone, _ in pairs], "{:.1f}"),
                spread([meanwhile.p99_ms for _, meanwhile in pairs], "{:.1f}"),
                spread([meanwhile.p99_ms / alone.p99_ms for alone, meanwhile in pairs], "{:.2f}"),
                spread([meanwhile.rate / alone.rate for alone, meanwhile in pairs], "{:.2f}"),
                spread([each.peak_mib for each in row.repeats], "{:.0f}"),
                shown(sum((each.strainer.counts for each in row.repeats), Counter[str]())),
            )
        )
    return _table(_STRAIN_HEAD, rows)


def _telling_table(telling: Telling) -> list[str]:
    """Write what times tell."""
    rows = [
        (
            row.name,
            f"{median(row.times_ms):.1f}",
            f"{row.chance:.3f}",
            f"{0.5 - row.deviation:.3f}-{0.5 + row.deviation:.3f}",
        )
        for row in telling.rows
    ]
    return _table(("", "median ms", "chance to take longer", "if time tells nothing"), rows)


def _cells(repeats: Sequence[Measured], reference: Sequence[Measured]) -> tuple[str, ...]:
    """Write a side's figures. Ratios are made within a repeat: a busy moment of the machine is on both sides."""

    def over(figure: Callable[[Measured], float], form: str) -> str:
        return spread([figure(repeat) for repeat in repeats], form)

    return (
        over(lambda repeat: repeat.rate, "{:,.0f}"),
        spread([one.rate / other.rate for one, other in zip(repeats, reference, strict=True)], "{:.3f}"),
        over(lambda repeat: repeat.load.p50_ms, "{:.1f}"),
        over(lambda repeat: repeat.load.p99_ms, "{:.1f}"),
        over(lambda repeat: repeat.cpu_us, "{:,.0f}"),
        spread([one.cpu_us / other.cpu_us for one, other in zip(repeats, reference, strict=True)], "{:.2f}"),
        over(lambda repeat: repeat.database_us, "{:,.0f}"),
        over(lambda repeat: repeat.resident_mib, "{:.0f}"),
    )


def spread(figures: Sequence[float], form: str) -> str:
    """Write the median, and the least and the most where they differ."""
    least, middle, most = (form.format(figure) for figure in (min(figures), median(figures), max(figures)))
    if not any(figures):
        return "-"
    return middle if least == most else f"{middle} ({least}-{most})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
