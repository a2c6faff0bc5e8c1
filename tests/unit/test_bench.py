"""The bench without PostgreSQL and Directus: snapshots, SQL files, measured processes, the page, the plot."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest
import yaml

from directus_sync.schema import snapshot
from directus_sync.settings import ALEMBIC_TABLES, ROOT
from tests.spatial import INDEXES
from tools.bench import __main__ as command_line
from tools.bench import audit, ddl, permission, plot, positions, process, report, runner, scenarios, snapshots
from tools.bench.errors import BenchError
from tools.bench.machine import Machine
from tools.bench.positions import load, queries
from tools.bench.positions.outcome import Bytes, Case, Kind, Loaded, Outcome, Reading, Size
from tools.bench.positions.section import section
from tools.bench.process import Command, Measured
from tools.bench.result import Peer, Result, Series
from tools.bench.scenario import Contestant
from tools.bench.scenarios import parts

MACHINE = Machine(date(2026, 11, 21), 2, 8, 0.25, {"Python": "3.11.2"})
PAGE = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
SVG = "{http://www.w3.org/2000/svg}"


def series(*seconds: float, check: float = 0) -> Series:
    """Return rounds; each used half a CPU. check: the seconds of each round that its check took."""
    return Series(tuple(Measured(each, each / 2, 64, each - check) for each in seconds))


def result(ours: Series, theirs: Series, title: str = "push & pull", against: Peer = Peer.CHAIN) -> Result:
    return Result(title, against, {Peer.OURS: ours, against: theirs})


def command(code: str = "", **more: object) -> Command:
    return Command((sys.executable, "-c", code), dict(os.environ), ROOT, **more)  # type: ignore[arg-type]


# What is pushed


@pytest.mark.parametrize("size", [1, 12])
def test_the_tool_accepts_a_generated_snapshot(size: int) -> None:
    text = yaml.safe_dump(snapshots.generate(size, "11.17.4"))
    parsed = snapshot.parse(text.encode(), "generated", ALEMBIC_TABLES)
    assert len(parsed.section("collections")) == size
    assert len(parsed.section("relations")) == size - 1
    assert {name for name, _ in parsed.section("fields")} == {name for (name,) in parsed.section("collections")}


def test_extra_fields_and_a_changed_note_change_nothing_else() -> None:
    before, after = (snapshots.generate(12, "11.17.4", extra_fields=extra) for extra in (0, 10))
    new = [field for field in after["fields"] if field not in before["fields"]]
    assert [field["field"] for field in new] == ["extra"] * 10
    assert len(after["fields"]) == len(before["fields"]) + 10
    assert before | {"fields": []} == after | {"fields": []}

    noted = snapshots.with_note(before, "another")
    assert before == snapshots.generate(12, "11.17.4")
    assert noted["fields"][0]["meta"].pop("note") == "another"
    assert before["fields"][0]["meta"].pop("note") is None
    assert before == noted


def test_the_chain_s_sql_has_a_file_for_each_revision_without_alembic_s_bookkeeping(tmp_path: Path) -> None:
    ddl.write(ROOT, tmp_path)
    for branch in ("pre", "post"):
        revisions = {path.name[:9].rstrip("_") for path in (ROOT / "migrations/versions" / branch).glob("*_0*.py")}
        files = {path.stem: path.read_text().splitlines() for path in (tmp_path / branch).glob(f"{branch}_*.sql")}
        assert set(files) == revisions
        for lines in files.values():
            assert not [line for line in lines if "alembic_version" in line]
            transactions = [line for line in lines if line in {"BEGIN;", "COMMIT;"}]
            assert transactions == ["BEGIN;", "COMMIT;"] * (len(transactions) // 2)
            assert lines[0] == "BEGIN;"


# What is measured


def test_who_goes_first_changes_each_round() -> None:
    sides = [Contestant(peer, parts.steady(command())) for peer in (Peer.OURS, Peer.NPM)]
    order = [[each.peer for each in runner.in_turn(sides, number)] for number in range(3)]
    assert order == [[Peer.OURS, Peer.NPM], [Peer.NPM, Peer.OURS], [Peer.OURS, Peer.NPM]]


def test_a_check_runs_after_its_push_and_counts(tmp_path: Path) -> None:
    done = tmp_path / "done"
    check = command(f"import os; os.stat({str(done)!r})")
    measured = process.run(
        command(f"import pathlib; pathlib.Path({str(done)!r}).touch()", check=check), tmp_path / "log"
    )
    assert 0 < measured.alone < measured.seconds


def test_a_process_that_fails_or_hangs_is_never_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BenchError, match=r"ended with 3\n  \| what went wrong"):
        process.run(command("print('what went wrong'); raise SystemExit(3)"), tmp_path / "log")
    monkeypatch.setattr(process, "LIMIT_SECONDS", 0.1)
    with pytest.raises(BenchError, match="ended with -9 after"):
        process.run(command("import time; time.sleep(60)"), tmp_path / "log")


BURN = "import time; began = time.process_time()\nwhile time.process_time() - began < 0.3: pass\n"
CHILD = "import subprocess, sys; data = b'x' * (64 << 20); subprocess.run([sys.executable, '-c', {!r}])"


def test_memory_and_cpu_are_those_of_the_whole_tree_and_of_servers(tmp_path: Path) -> None:
    held = b"x" * (256 << 20)
    hold = f"data = b'x' * (64 << 20); {BURN}"
    # The shell does not replace itself by its last command.
    shell = replace(command(), arguments=("sh", "-c", '"$@"; exit', "sh", *command(CHILD.format(hold)).arguments))
    measured = process.run(shell, tmp_path / "log")
    assert measured.cpu >= 0.3
    # Not that of the bench itself.
    assert 2 * 64 < measured.mebibytes < len(held) >> 20

    # This process had a child that has ended; its time counts.
    with_server = process.run(command(BURN, servers=(os.getpid(),)), tmp_path / "log")
    assert with_server.cpu >= 2 * 0.3


# The page


def test_ratios_are_of_medians_with_and_without_the_check() -> None:
    found = result(series(0.5, 1, 4), series(9, 6, 3, check=2))
    assert (found.ratio, found.ratio_alone, found.tied) == (6, 4, False)
    assert result(series(1), series(2)).ratio_alone is None


def test_sides_are_tied_when_each_median_lies_in_the_other_s_spread() -> None:
    assert result(series(1, 2, 0.5), series(1.9, 3.8, 0.95)).tied
    steady, wide = series(1.0, 0.9, 1.1), series(1.3, 0.5, 3.0)
    assert not result(steady, wide).tied
    assert not result(wide, steady).tied


def test_a_row_has_times_cpu_and_memory_of_both_and_says_in_bold_where_the_tool_is_slower() -> None:
    fast = result(series(0.25, 0.125, 0.5), series(7, 14, 3.5, check=3))
    _, _, *rows = report.table([fast, result(series(3), series(2), "a dry run")]).splitlines()
    assert [row.strip("| ").split(" | ") for row in rows] == [
        [
            "push & pull", "0.25 s (0.12 s to 0.50 s)", "7.00 s (3.50 s to 14.0 s)",
            "28.0 times as fast; the push alone: 16.0 times as fast", "0.12 s / 3.50 s, 1/28.0", "3", "64 / 64 MiB",
        ],
        [
            "a dry run", "3.00 s (3.00 s to 3.00 s)", "2.00 s (2.00 s to 2.00 s)",
            "**slower, by a factor of 1.50**", "1.50 s / 1.00 s, **1.50 times as much**", "1", "64 / 64 MiB",
        ],
    ]  # fmt: skip


def test_the_page_begins_with_where_the_tool_is_slower_and_what_failed() -> None:
    quick, slow = result(series(1), series(2), "quick"), result(series(3), series(1), "slow")
    page = report.page([quick, slow], ["## Positions\n"], ["diff"], MACHINE)
    line = "- slow, against old chain: **slower, by a factor of 3.00**"
    assert f"Where this tool is slower than a peer:\n\n{line}\n\nFailed in this run, and missing below: `diff`." in page
    assert page.index("\n## A boot") < page.index("\n## Positions\n") < page.index("\n## Measured\n")
    assert "2026-11-21, with 2 cores and 8 GiB of memory; load 0.2 before the run.\nPython 3.11.2." in page
    assert "slower than a peer nowhere" in report.page([quick], [], [], MACHINE)


def test_the_committed_page_has_every_scenario() -> None:
    for each in scenarios.every():
        heading, _ = report.HEADINGS[each.against]
        _, _, below = PAGE.partition(f"\n## {heading}\n")
        table, _, _ = below.partition("\n## ")
        assert f"\n| {each.title} |" in table
    assert "missing below" not in PAGE


def test_the_committed_page_keeps_the_promise_of_a_boot_with_nothing_to_do() -> None:
    found = re.search(r"^\| deploy, nothing to do \| ([\d.]+) s .*?\| ([\d.]+) times as fast \|", PAGE, re.MULTILINE)
    assert found is not None
    assert float(found[1]) <= 0.25
    assert float(found[2]) >= 50


def test_list_names_every_scenario_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--list"]) == 0
    listed = [line.split(maxsplit=1)[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [*(each.id for each in scenarios.every()), "positions", "audit", "permission"]
    assert len(listed) == len(set(listed))


# Positions

OUTCOME = Outcome(
    Size(devices=10, days=8, seconds=1000),
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
    text = section([OUTCOME])
    assert text.startswith("## Positions\n\nA season: 80,000 fixes of 10 entries in 8 stages")
    assert [line for line in text.splitlines() if line.startswith("| ")][1:] == [
        "| 70,000 rows by COPY | 10.0 s, 7,000 rows/s | 14.0 s, 5,000 rows/s | 1.40 times as fast |",
        "| 10,000 rows in batches | 4.00 s, 2,500 rows/s | 2.00 s, 5,000 rows/s | **slower, by a factor of 2.00** |",
        "| rows on disk | 3 MiB | 3 MiB | 1.00 times the size |",
        "| indexes on disk | 4 MiB | 5 MiB | 0.80 times the size |",
        "| | hypertable | plain table | the hypertable is | plan, hypertable | plan, plain table |",
        "| `last_position`, any device | 0.50 ms (0.25 ms to 1.00 ms) | 0.25 ms (0.12 ms to 0.50 ms)"
        " | **slower, by a factor of 2.00** | `positions_faulty_idx` in 8 chunks | `positions_faulty_idx` |",
    ]


def test_the_section_about_the_audit_trail_has_its_cost_a_row() -> None:
    text = audit.section(audit.Cost(10_000, (1.5, 1.0, 1.25), (0.75, 0.5, 1.0)))
    assert text.splitlines()[-1] == (
        "| 10,000 crossings | 1.25 s (1.00 s to 1.50 s) | 0.75 s (0.50 s to 1.00 s) | 0.50 s, 50 µs a row |"
    )


def test_the_section_about_a_permission_has_the_ratio_for_each_number() -> None:
    text = permission.section([permission.Cost(n, (0.3, 0.1, 0.15), (0.2, 0.1, 0.05)) for n in (230, 113)])
    *_, all_of_them, fewer = text.splitlines()
    assert all_of_them.startswith("| one of 230 permissions | ")
    assert fewer.startswith("| one of 113 permissions | ")
    assert fewer.endswith(" | 1.50 times as long |")


def test_the_committed_page_has_ten_million_positions_and_every_query() -> None:
    _, _, found = PAGE.partition("\n## Positions\n")
    assert f"{positions.SIZE.rows:,} fixes" in found
    assert positions.SIZE.rows == 10_000_000
    for case in queries.arguments(Random(0), positions.SIZE):
        # Of each size.
        rows = [line for line in found.splitlines() if line.startswith(f"| `{case.query}`, {case.about} | ")]
        assert rows, case
        for one_of in INDEXES.get(case.query, []):
            for plan in [plan for row in rows for plan in row.split(" | ")[-len(Kind) :]]:
                assert any(f"`{name}`" in plan for name in one_of), rows
    assert "Seq Scan" not in found


def test_a_larger_size_follows_with_its_own_tables() -> None:
    larger = replace(OUTCOME, size=replace(OUTCOME.size, days=40, earlier=32))
    text = section([OUTCOME, larger])
    first, _, second = text.partition("### 400,000 fixes\n\nThe same, with 40 stages and chunks; 32 days are there")
    assert first == section([OUTCOME]) + "\n"
    assert [line.split(" | ")[0] for line in second.splitlines() if line.startswith("| ")] == [
        "|",
        "| 70,000 rows by COPY",
        "| 10,000 rows in batches",
        "| rows on disk",
        "| indexes on disk",
        "|",
        "| `last_position`, any device",
    ]


def test_a_plan_is_read_with_the_hypertable_s_names() -> None:
    scan = {"Node Type": "Index Scan", "Relation Name": "_hyper_1_7_chunk"}
    nodes = [
        {**scan, "Index Name": "_hyper_1_7_chunk_positions_faulty_idx"},
        {**scan, "Index Name": "_hyper_1_12_chunk_positions_faulty_idx"},
        {"Node Type": "Bitmap Heap Scan", "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "positions_ts"}]},
        {"Node Type": "Seq Scan", "Relation Name": "_hyper_1_7_chunk"},
        {"Node Type": "Seq Scan", "Relation Name": "positions"},
        {"Node Type": "Seq Scan", "Relation Name": "last_positions"},
        {"Node Type": "Seq Scan", "Relation Name": "devices"},
        {"Node Type": "Index Scan", "Relation Name": "entries", "Index Name": "entries_pkey"},
    ]
    found = queries.access({"Node Type": "Limit", "Plans": [{"Node Type": "Merge Append", "Plans": nodes}]})
    assert found == {"positions_faulty_idx": 2, "positions_ts": 1, "Seq Scan": 2, "last_positions": 1}


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


def test_the_plot_has_two_bars_for_each_comparison() -> None:
    shown = [result(series(1), series(2)), result(series(3), series(1), against=Peer.NPM)]
    root = ElementTree.fromstring(plot.svg(shown))
    assert ["".join(each.itertext()) for each in root.iter(f"{SVG}text")].count("push & pull") == 2
    bars = [float(bar.attrib["width"]) for bar in root.findall(f"{SVG}rect")[1:]]
    widths = [width for width in bars if width != plot.BAR]
    assert widths == [plot.BARS / 2, plot.BARS, plot.BARS, pytest.approx(plot.BARS / 3, abs=0.1)]
