"""The bench's pure parts: generated snapshots, cut SQL, ratios, the page, the plot. No test looks at times."""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext
from datetime import UTC, date, datetime, time
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from xml.etree import ElementTree

import pytest
import yaml

from directus_sync.schema import snapshot
from directus_sync.settings import ALEMBIC_TABLES, ROOT
from tests.spatial import INDEXES
from tools.bench import __main__ as command_line
from tools.bench import ddl, plot, positions, process, report, runner, scenarios, snapshots
from tools.bench.errors import BenchError
from tools.bench.machine import Machine
from tools.bench.positions import load, queries
from tools.bench.positions.outcome import Bytes, Case, Kind, Loaded, Outcome, Reading, Size
from tools.bench.positions.section import replaced, section
from tools.bench.scenario import Command, Contestant, Measured, Peer, Result, Scenario, Series
from tools.bench.scenarios import parts

if TYPE_CHECKING:
    from tools.bench.arena import Arena

MACHINE = Machine(date(2026, 11, 21), 2, 8, 0.25, {"Python": "3.11.2"})


def result(ours: float, theirs: float | None, title: str = "push & pull", against: Peer = Peer.CHAIN) -> Result:
    """A result of three rounds around the given medians."""
    medians = {Peer.OURS: ours} | ({against: theirs} if theirs else {})
    series = {peer: Series((median, median * 2, median / 2), 64.0) for peer, median in medians.items()}
    scenario = Scenario("an-id", title, against if theirs else None, 3, lambda _: pytest.fail("not to be set up"))
    return Result(scenario, series)


# Snapshots


@pytest.mark.parametrize("size", [1, 12, 250])
def test_a_generated_snapshot_is_one_that_the_tool_accepts(size: int) -> None:
    text = yaml.safe_dump(snapshots.generate(size, "11.17.4"))
    parsed = snapshot.parse(text.encode(), "generated", ALEMBIC_TABLES)
    assert len(parsed.section("collections")) == size
    assert len(parsed.section("relations")) == size - 1
    assert {name for name, _ in parsed.section("fields")} == {name for (name,) in parsed.section("collections")}


def test_new_fields_are_all_that_is_new() -> None:
    before, after = (snapshots.generate(12, "11.17.4", extra_fields=extra) for extra in (0, 10))
    new = [field for field in after["fields"] if field not in before["fields"]]
    assert [field["field"] for field in new] == ["extra"] * 10
    assert len(after["fields"]) == len(before["fields"]) + 10
    assert before | {"fields": []} == after | {"fields": []}


def test_a_changed_note_changes_nothing_else() -> None:
    before = snapshots.generate(2, "11.17.4")
    after = snapshots.with_note(before, "another")
    assert before == snapshots.generate(2, "11.17.4")
    assert after["fields"][0]["meta"].pop("note") == "another"
    assert before["fields"][0]["meta"].pop("note") is None
    assert before == after


# SQL


ALEMBIC_PRINTS = """\
SET lock_timeout = '4s';

BEGIN;

CREATE TABLE directus_sync.alembic_version (
    version_num VARCHAR(32) NOT NULL
);

-- Running upgrade  -> pre_0001

CREATE EXTENSION one;

INSERT INTO directus_sync.alembic_version (version_num) VALUES ('pre_0001') RETURNING version_num;

COMMIT;

BEGIN;

-- Running upgrade pre_0001 -> pre_0002

COMMIT;

CREATE INDEX CONCURRENTLY two ON three (four);

BEGIN;

UPDATE directus_sync.alembic_version SET version_num='pre_0002' WHERE version_num = 'pre_0001';

COMMIT;
"""


def test_sql_is_cut_by_revision_without_alembic_s_bookkeeping() -> None:
    found = {revision: " ".join(sql.split()) for revision, sql in ddl.cut(ALEMBIC_PRINTS).items()}
    assert found == {
        "pre_0001": "BEGIN; CREATE EXTENSION one; COMMIT;",
        "pre_0002": "BEGIN; COMMIT; CREATE INDEX CONCURRENTLY two ON three (four); BEGIN; COMMIT;",
    }


def test_every_revision_of_the_checkout_becomes_a_file(tmp_path: Path) -> None:
    ddl.write(ROOT, tmp_path)
    for branch in ("pre", "post"):
        revisions = {path.name[:9].rstrip("_") for path in (ROOT / "migrations/versions" / branch).glob("*_0*.py")}
        files = {path.stem: path.read_text() for path in (tmp_path / branch).glob(f"{branch}_*.sql")}
        assert set(files) == revisions
        assert not [name for name, sql in files.items() if "alembic_version" in sql]


# Rounds


def test_who_goes_first_changes_each_round() -> None:
    sides = [Contestant(peer, parts.steady(command())) for peer in (Peer.OURS, Peer.NPM)]
    order = [[each.peer for each in runner.in_turn(sides, number)] for number in range(3)]
    assert order == [[Peer.OURS, Peer.NPM], [Peer.NPM, Peer.OURS], [Peer.OURS, Peer.NPM]]


def test_a_look_counts_where_a_peer_has_one() -> None:
    looked, alone = Series((3.0, 1.0, 2.0), 64.0, (1.0, 2.0, 4.0)), Series((3.0, 1.0, 2.0), 64.0)
    found = result(1, 2)
    with_looks, without = (Result(found.scenario, {**found.series, Peer.CHAIN: each}) for each in (looked, alone))
    assert (with_looks.ratio, with_looks.ratio_alone) == (4, 2)
    assert (without.ratio, without.ratio_alone) == (2, None)


def test_a_look_begins_when_the_push_has_ended(tmp_path: Path) -> None:
    done = tmp_path / "done"
    push = f"import time, pathlib; time.sleep(0.2); pathlib.Path({str(done)!r}).touch()"
    look = command(f"import os; os.stat({str(done)!r})")
    sides = [Contestant(Peer.OURS, parts.steady(command())), Contestant(Peer.NPM, parts.steady(command(push, look)))]
    scenario = Scenario("an-id", "a title", Peer.NPM, 2, lambda _: nullcontext(sides))
    series = runner.run(scenario, cast("Arena", SimpleNamespace(folder=tmp_path)), 2).series
    assert [len(series[peer].looks) for peer in (Peer.OURS, Peer.NPM)] == [0, 2]
    assert min(series[Peer.NPM].seconds) > 0.2


def command(code: str = "", look: Command | None = None) -> Command:
    return Command((sys.executable, "-c", code), dict(os.environ), ROOT, look)


def test_a_process_that_fails_is_never_a_result(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"ended with 3\n  \| what went wrong"):
        process.run(command("print('what went wrong'); raise SystemExit(3)"), tmp_path / "log")


def test_memory_is_that_of_the_whole_tree(tmp_path: Path) -> None:
    hold = "data = b'x' * (64 << 20); import time; time.sleep(0.5)"
    child = (
        f"import subprocess, sys; {hold.split(';', maxsplit=1)[0]}; subprocess.run([sys.executable, '-c', {hold!r}])"
    )
    measured = process.run(command(child), tmp_path / "log", watch=True)
    assert measured.mebibytes is not None
    assert measured.mebibytes > 2 * 64


def test_memory_is_not_that_of_who_measures(tmp_path: Path) -> None:
    held = b"x" * (128 << 20)
    measured = process.run(command("import time; time.sleep(0.2)"), tmp_path / "log", watch=True)
    assert measured.mebibytes is not None
    assert 0 < measured.mebibytes < len(held) >> 20


def test_a_timed_round_is_not_watched(tmp_path: Path) -> None:
    measured = process.run(command(), tmp_path / "log")
    assert measured == Measured(measured.seconds)


def test_scenarios_have_names_of_their_own() -> None:
    ids = [each.id for each in scenarios.every()]
    assert len(ids) == len(set(ids))
    titles = [(each.title, each.against) for each in scenarios.every()]
    assert len(titles) == len(set(titles))


# The page


def test_the_ratio_is_of_the_medians() -> None:
    assert result(0.25, 7.0).ratio == 28
    assert result(0.25, None).ratio is None


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(28.04, "28.0 times as fast"), (1.0, "1.00 times as fast"), (0.5, "**slower, by a factor of 2.00**"), (None, "-")],
)
def test_a_slower_tool_is_called_slower(ratio: float | None, said: str) -> None:
    assert report.verdict(ratio) == said


def test_a_row_shows_median_and_spread_of_both() -> None:
    (row,) = report.table([result(0.25, 7.0)]).splitlines()[2:]
    assert row.split(" | ") == [
        "| push & pull", "0.25 s (0.12 s to 0.50 s)", "7.00 s (3.50 s to 14.0 s)", "28.0 times as fast", "3",
        "64 / 64 MiB |",
    ]  # fmt: skip


def test_the_page_names_first_where_the_tool_is_slower() -> None:
    found = report.page([result(1, 2, "quick"), result(3, 1, "slow"), result(1, None, "alone")], [], MACHINE)
    slow = "- slow, against old chain: **slower, by a factor of 3.00**"
    assert f"Where this tool is slower than a peer that does the same:\n\n{slow}\n" in found
    assert "2026-11-21, with 2 cores and 8 GiB of memory; load 0.2 before the run.\nPython 3.11.2." in found
    assert "| alone | 1.00 s" in found


def looked(ours: float) -> Result:
    found = result(ours, 2, "a push")
    return Result(found.scenario, {**found.series, Peer.CHAIN: Series((2.0, 2.0, 2.0), 64.0, (4.0, 4.0, 1.0))})


def test_the_page_compares_a_push_and_its_look_with_a_push_and_a_look() -> None:
    page = report.page([looked(3)], [], MACHINE)
    assert "slower than a peer that does the same nowhere" in page
    push = "**slower, by a factor of 1.50**"
    assert f"alone is faster than one of this tool with its look:\n\n- a push, against old chain: {push}\n" in page
    (row,) = [line for line in page.splitlines() if line.startswith("| a push |")]
    assert (
        "| 2.00 s (2.00 s to 2.00 s), look 4.00 s | 2.00 times as fast, within the spread; the push alone: " + push
        in row
    )


def test_the_page_says_where_even_push_and_look_are_faster() -> None:
    page = report.page([looked(12)], [], MACHINE)
    slower, _, alone = page.partition("Where a peer's push alone is faster")
    line = "- a push, against old chain: **slower, by a factor of "
    assert f"slower than a peer that does the same:\n\n{line}2.00**\n" in slower
    assert f"{line}6.00**\n" in alone


@pytest.mark.parametrize(("factor", "also"), [(1.99, ", within the spread"), (2.01, "")])
def test_the_page_says_where_the_spread_is_wider_than_the_difference(factor: float, also: str) -> None:
    assert f"| {factor} times as fast{also} |" in report.table([result(1, factor)])
    slower = report.page([result(factor, 1)], [], MACHINE)
    assert f"\n- push & pull, against old chain: **slower, by a factor of {factor}**{also}\n" in slower


def test_one_slow_round_hides_no_difference() -> None:
    found = result(1, 1.3)
    steady, wide = (Series(seconds, 64.0) for seconds in ((1.0, 0.9, 1.1), (1.3, 0.5, 3.0)))
    for sides in ((steady, wide), (wide, steady)):
        assert not Result(found.scenario, dict(zip(found.series, sides, strict=True))).tied


def test_a_push_alone_is_within_the_spread_by_what_it_took_alone() -> None:
    found = result(1, 1, "a push")
    push = Series((0.9, 0.9, 1.1), 64.0, (4.0, 4.0, 4.0))
    sides = Result(found.scenario, {Peer.OURS: Series((1.0, 0.8, 1.2), 64.0), Peer.CHAIN: push})
    assert (sides.tied, sides.tied_alone) == (False, True)
    push_alone = "a push, against old chain: **slower, by a factor of 1.11**, within the spread\n"
    assert push_alone in report.page([sides], [], MACHINE)


def test_the_page_says_so_where_the_tool_is_slower_nowhere_and_what_failed() -> None:
    found = report.page([result(1, 2)], ["served-diff"], MACHINE)
    assert "slower than a peer that does the same nowhere" in found
    assert "missing below: `served-diff`." in found


def test_the_committed_page_has_every_scenario() -> None:
    committed = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    for each in scenarios.every():
        heading, _ = report.HEADINGS[each.against]
        _, _, below = committed.partition(f"\n## {heading}\n")
        table, _, _ = below.partition("\n## ")
        assert f"\n| {each.title} |" in table
    assert "missing below" not in committed


# Positions


OUTCOME = Outcome(
    Size(devices=10, days=8, seconds=1000),
    MACHINE,
    {Kind.HYPERTABLE: Loaded(copied=10, inserted=4), Kind.PLAIN: Loaded(copied=14, inserted=2)},
    {Kind.HYPERTABLE: Bytes(3 << 20, 4 << 20), Kind.PLAIN: Bytes(3 << 20, 5 << 20)},
    {
        Case("last_position", "any device"): {
            Kind.HYPERTABLE: Reading((0.5, 0.25, 1.0), {"positions_faulty_idx": 8}),
            Kind.PLAIN: Reading((0.125, 0.25, 0.5), {"positions_faulty_idx": 1}),
        },
    },
)


def test_the_section_has_rates_sizes_latencies_and_plans_of_both() -> None:
    lines = section(OUTCOME).splitlines()
    assert lines[0] == "## Positions"
    assert "80,000 fixes of 10 entries in 8 stages" in lines[2]
    assert [line for line in lines if line.startswith("| ") and "rows" in line] == [
        "| 70,000 rows by COPY | 10.0 s, 7,000 rows/s | 14.0 s, 5,000 rows/s | 1.40 times as fast |",
        "| 10,000 rows in batches | 4.00 s, 2,500 rows/s | 2.00 s, 5,000 rows/s | **slower, by a factor of 2.00** |",
        "| rows on disk | 3 MiB | 3 MiB | 1.00 times the size |",
    ]
    assert "| indexes on disk | 4 MiB | 5 MiB | 0.80 times the size |" in lines
    assert (
        "| `last_position`, any device | 0.50 ms (0.25 ms to 1.00 ms) | 0.25 ms (0.12 ms to 0.50 ms)"
        " | **slower, by a factor of 2.00** | `positions_faulty_idx` in 8 chunks | `positions_faulty_idx` |"
    ) in lines
    assert "Python 3.11.2. Each query ran 3 times on each table." in lines


def test_the_section_is_put_in_and_written_anew_without_the_rest() -> None:
    page = report.page([result(1, 2)], [], MACHINE)
    first = replaced(page, section(OUTCOME))
    assert first.index("\n## A boot") < first.index("\n## Positions\n") < first.index("\n## Measured\n")
    assert first.replace(section(OUTCOME) + "\n", "") == page
    assert replaced(first, section(OUTCOME)) == first
    later = replaced(first, "## Positions\n\nlater\n")
    assert later == page.replace("## Measured\n", "## Positions\n\nlater\n\n## Measured\n")


def test_the_committed_page_has_ten_million_positions_and_every_query() -> None:
    committed = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    _, _, found = committed.partition("\n## Positions\n")
    assert f"{positions.SIZE.rows:,} fixes" in found
    assert positions.SIZE.rows == 10_000_000
    for case in queries.arguments(Random(0), positions.SIZE):
        (row,) = [line for line in found.splitlines() if line.startswith(f"| `{case.query}`, {case.about} | ")]
        for one_of in INDEXES.get(case.query, []):
            for plan in row.split(" | ")[-len(Kind) :]:
                assert any(f"`{name}`" in plan for name in one_of), row
    assert "Seq Scan" not in found


def test_positions_can_be_asked_for_like_a_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--list"]) == 0
    listed = [line.split(maxsplit=1)[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [*(each.id for each in scenarios.every()), "positions"]


def test_the_page_shows_what_is_promised_of_a_boot_with_nothing_to_do() -> None:
    committed = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    found = re.search(
        r"^\| deploy, nothing to do \| ([\d.]+) s .*\| ([\d.]+) times as fast \|", committed, re.MULTILINE
    )
    assert found is not None
    assert float(found[1]) <= 0.25
    assert float(found[2]) >= 25


def test_a_plan_is_read_with_the_hypertable_s_names() -> None:
    scan = {"Node Type": "Index Scan", "Relation Name": "_hyper_1_7_chunk"}
    nodes = [
        {**scan, "Index Name": "_hyper_1_7_chunk_positions_faulty_idx"},
        {**scan, "Index Name": "_hyper_1_12_chunk_positions_faulty_idx"},
        {"Node Type": "Bitmap Heap Scan", "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "positions_ts"}]},
        {"Node Type": "Seq Scan", "Relation Name": "_hyper_1_7_chunk"},
        {"Node Type": "Seq Scan", "Relation Name": "positions"},
        {"Node Type": "Seq Scan", "Relation Name": "devices"},
        {"Node Type": "Index Scan", "Relation Name": "entries", "Index Name": "entries_pkey"},
    ]
    found = queries.access({"Node Type": "Limit", "Plans": [{"Node Type": "Merge Append", "Plans": nodes}]})
    assert found == {"positions_faulty_idx": 2, "positions_ts": 1, "Seq Scan": 2}


def test_windows_lie_where_there_are_positions() -> None:
    size = Size(devices=2, days=3, seconds=10_000)
    for number in range(100):
        device, begin, end = queries.arguments(Random(number), size)[Case("positions_in_window", "ten minutes")]
        assert device in {load.imei(1), load.imei(2)}
        assert isinstance(begin, datetime)
        assert isinstance(end, datetime)
        assert begin.date() in {date(2026, 6, day) for day in (6, 7, 8)}
        assert (end - datetime.combine(begin.date(), time(), UTC)).total_seconds() < 10_000


# The plot


def test_the_plot_is_svg_with_two_bars_for_each_comparison() -> None:
    shown = [result(1, 2), result(3, 1, against=Peer.NPM)]
    root = ElementTree.fromstring(plot.svg([*shown, result(1, None, "alone")]))
    texts = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("push & pull") == 2
    assert "alone" not in texts
    bars = root.findall("{http://www.w3.org/2000/svg}rect")[1:]
    widths = [float(bar.attrib["width"]) for bar in bars if bar.attrib["width"] != f"{plot.BAR}.0"]
    assert widths == [plot.BARS / 2, plot.BARS, plot.BARS, pytest.approx(plot.BARS / 3, abs=0.1)]


def test_the_plot_has_a_look_behind_the_push_that_it_follows() -> None:
    root = ElementTree.fromstring(plot.svg([looked(3)]))
    bars = root.findall("{http://www.w3.org/2000/svg}rect")[3:]
    shown = [(bar.attrib["fill"], float(bar.attrib["width"])) for bar in bars]
    third = pytest.approx(plot.BARS / 3, abs=0.1)
    assert shown == [(plot.OURS, plot.BARS / 2), (plot.LOOK, plot.BARS), (plot.THEIRS, third)]
