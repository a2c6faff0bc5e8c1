"""The section of the page about positions. Owns its wording, tables and place; data in, Markdown out.

It tells its own conditions, so that it can be written anew without the rest of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tools.bench import report
from tools.bench.positions import course
from tools.bench.positions.outcome import Case, Kind, Outcome, Reading

HEADING: Final = "## Positions\n"
MEBIBYTE: Final = 1024 * 1024


def section(outcome: Outcome) -> str:
    """Return the section, from its heading on."""
    return "\n".join([HEADING, _about(outcome), _loading(outcome), _queries(outcome), _conditions(outcome)])


def replaced(page: str, new: str) -> str:
    """Return the page with this section in the place of the old one, or before what was measured elsewhere."""
    before, found, rest = page.partition(HEADING)
    if not found:
        before, _, rest = page.partition(report.MEASURED)
        return f"{before}{new}\n{report.MEASURED}{rest}"
    _, mark, after = rest.partition("\n## ")
    return f"{before}{new}{mark}{after}"


def _about(outcome: Outcome) -> str:
    size = outcome.size
    return (
        f"A season: {size.rows:,} fixes of {size.devices} entries in {size.days} stages, one a second and 2 in 100\n"
        f"faulty. A stage takes a day; it has {course.SEGMENTS} segments of {course.WAYPOINTS} waypoints, and"
        f" {course.ZONES} zones with a speed limit.\n"
        f"The fixes are in the hypertable with its {size.days} chunks, and in a plain table with the same columns and\n"
        "indexes; the course is the same beside both. All but the\n"
        f"last day came by COPY, that one in batches of {size.batch}, each a transaction of its own with an\n"
        "`INSERT ... ON CONFLICT DO NOTHING`. Day by day, batch by batch and query by query both took turns.\n"
    )


def _loading(outcome: Outcome) -> str:
    size = outcome.size
    copied = size.rows - size.a_day

    def rate(rows: int, seconds: Callable[[Kind], float]) -> str:
        each = [f"{report.seconds(seconds(kind))}, {rows / seconds(kind):,.0f} rows/s" for kind in Kind]
        return f"{' | '.join(each)} | {report.verdict(seconds(Kind.PLAIN) / seconds(Kind.HYPERTABLE))}"

    def bytes_(value: Callable[[Kind], int]) -> str:
        each = [f"{value(kind) / MEBIBYTE:,.0f} MiB" for kind in Kind]
        return f"{' | '.join(each)} | {value(Kind.HYPERTABLE) / value(Kind.PLAIN):.2f} times the size"

    return "\n".join([
        "| | hypertable | plain table | the hypertable is |",
        "|---|---|---|---|",
        f"| {copied:,} rows by COPY | {rate(copied, lambda kind: outcome.loaded[kind].copied)} |",
        f"| {size.a_day:,} rows in batches | {rate(size.a_day, lambda kind: outcome.loaded[kind].inserted)} |",
        f"| rows on disk | {bytes_(lambda kind: outcome.bytes[kind].rows)} |",
        f"| indexes on disk | {bytes_(lambda kind: outcome.bytes[kind].indexes)} |",
        "",
    ])  # fmt: skip


def _queries(outcome: Outcome) -> str:
    return "\n".join([
        "The processor's queries about [positions](positions.md) and [the course](spatial.md), prepared as a\n"
        "processor would: median, fastest and slowest, and the indexes in the plan. Those that read the course alone\n"
        "find the same tables on both sides: how they differ is noise.\n",
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


def _conditions(outcome: Outcome) -> str:
    rounds = min(len(each.milliseconds) for readings in outcome.queries.values() for each in readings.values())
    return (
        f"{report.conditions(outcome.machine)} Each query ran {rounds} times on each table.\n"
        '`make bench ARGS="--only positions"` measures this section anew, and writes it alone.\n'
    )
