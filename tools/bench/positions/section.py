"""The page's section about positions. Owns its wording and tables; data in, Markdown out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tools.bench import report
from tools.bench.positions import course
from tools.bench.positions.outcome import Case, Kind, Outcome, Reading

MEBIBYTE: Final = 1024 * 1024


def section(outcomes: Sequence[Outcome]) -> str:
    """Return the section, with its heading. outcomes: one for each size."""
    first, *others = outcomes
    lines = ["## Positions\n", _about(first), _loading(first), _queries(first)]
    for outcome in others:
        size = outcome.size
        lines += [
            f"### {size.rows:,} fixes\n",
            f"The same with {size.days} stages and chunks; {size.earlier} days are loaded before the clock starts.\n",
        ]
        lines += [_loading(outcome), _table(outcome)]
    return "\n".join(lines)


def _about(outcome: Outcome) -> str:
    size = outcome.size
    return (
        f"A season: {size.rows:,} fixes of {size.devices} entries in {size.days} stages, one a second; 2 in 100 are\n"
        f"faulty. A stage takes a day. It has {course.SEGMENTS} segments of {course.WAYPOINTS} waypoints, and"
        f" {course.ZONES} zones with a speed limit.\n"
        f"The fixes are in the hypertable, in {size.days} chunks, and in a plain table with the same columns and\n"
        "indexes. The plain table lacks the triggers that keep the last positions, so its queries look them up by the\n"
        "index. The course is the same for both. COPY writes all days but the last, in one transaction per day.\n"
        f"`INSERT ... ON CONFLICT DO NOTHING` writes the last day in batches of {size.batch}, each in a transaction.\n"
        "The tables take turns for each day, each batch and each query.\n"
    )


def _loading(outcome: Outcome) -> str:
    size = outcome.size

    def rate(rows: int, seconds: Callable[[Kind], float]) -> str:
        each = [f"{report.seconds(seconds(kind))}, {rows / seconds(kind):,.0f} rows/s" for kind in Kind]
        return f"{' | '.join(each)} | {report.verdict(seconds(Kind.PLAIN) / seconds(Kind.HYPERTABLE))}"

    def bytes_(value: Callable[[Kind], int]) -> str:
        each = [f"{value(kind) / MEBIBYTE:,.0f} MiB" for kind in Kind]
        return f"{' | '.join(each)} | {value(Kind.HYPERTABLE) / value(Kind.PLAIN):.2f} times the size"

    return "\n".join([
        "| | hypertable | plain table | the hypertable is |",
        "|---|---|---|---|",
        f"| {size.copied:,} rows by COPY | {rate(size.copied, lambda kind: outcome.loaded[kind].copied)} |",
        f"| {size.a_day:,} rows in batches | {rate(size.a_day, lambda kind: outcome.loaded[kind].inserted)} |",
        f"| rows on disk | {bytes_(lambda kind: outcome.bytes[kind].rows)} |",
        f"| indexes on disk | {bytes_(lambda kind: outcome.bytes[kind].indexes)} |",
        "",
    ])  # fmt: skip


def _queries(outcome: Outcome) -> str:
    rounds = min(len(each.milliseconds) for readings in outcome.queries.values() for each in readings.values())
    return "\n".join([
        "The processor's queries about [positions](positions.md) and [the course](spatial.md), as prepared\n"
        f"statements, each {rounds} times on each table: median, fastest and slowest, and the indexes in the plan.\n"
        "A query that reads only the course reads the same tables on both sides, so a difference there is noise.\n",
        _table(outcome),
    ])  # fmt: skip


def _table(outcome: Outcome) -> str:
    return "\n".join([
        "| | hypertable | plain table | the hypertable is | plan, hypertable | plan, plain table |",
        "|---|---|---|---|---|---|",
        *(_row(case, readings) for case, readings in outcome.queries.items()),
        "",
    ])  # fmt: skip


def _row(case: Case, readings: Mapping[Kind, Reading]) -> str:
    ratio = readings[Kind.PLAIN].median / readings[Kind.HYPERTABLE].median
    cells = [
        f"`{case.query}`, {case.about}",
        *(_spread(readings[kind]) for kind in Kind),
        report.verdict(ratio),
        *(_access(readings[kind]) for kind in Kind),
    ]
    return f"| {' | '.join(cells)} |"


def _spread(reading: Reading) -> str:
    times = reading.milliseconds
    return f"{reading.median:.2f} ms ({min(times):.2f} ms to {max(times):.2f} ms)"


def _access(reading: Reading) -> str:
    return ", ".join(
        f"`{name}`" + (f" in {count} chunks" if count > 1 else "") for name, count in reading.access.items()
    )
