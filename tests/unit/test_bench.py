"""The benchmark without PostgreSQL and Directus: measured processes, results and the page."""

from __future__ import annotations

import os
import re
import sys
from datetime import date
from pathlib import Path
from random import Random

import pytest

from directus_sync.settings import ROOT
from tests.spatial import INDEXES
from tools.bench import positions, process, report, scenarios
from tools.bench.errors import BenchError
from tools.bench.machine import Machine
from tools.bench.positions import queries
from tools.bench.positions.outcome import Kind
from tools.bench.process import Command, Measured
from tools.bench.result import Peer, Result, Series
from tools.bench.scenario import Contestant, in_turn
from tools.bench.scenarios import parts

MACHINE = Machine(date(2026, 11, 21), 2, 8, 0.25, {"Python": "3.11.2"})
PAGE = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")


def series(*seconds: float, check: float = 0) -> Series:
    """Return rounds that each used half a CPU. check: the seconds that the check took in each round."""
    return Series(tuple(Measured(each, each / 2, 64, each - check) for each in seconds))


def result(ours: Series, theirs: Series, title: str = "push & pull", against: Peer = Peer.CHAIN) -> Result:
    return Result(title, against, {Peer.OURS: ours, against: theirs})


def command(code: str = "", **more: object) -> Command:
    return Command((sys.executable, "-c", code), dict(os.environ), ROOT, **more)  # type: ignore[arg-type]


# Measuring


def test_the_tools_take_turns_in_going_first() -> None:
    sides = [Contestant(peer, parts.steady(command())) for peer in (Peer.OURS, Peer.NPM)]
    order = [[each.peer for each in in_turn(sides, number)] for number in range(3)]
    assert order == [[Peer.OURS, Peer.NPM], [Peer.NPM, Peer.OURS], [Peer.OURS, Peer.NPM]]


def test_a_process_that_fails_or_hangs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BenchError, match=r"ended with 3\n  \| what went wrong"):
        process.run(command("print('what went wrong'); raise SystemExit(3)"), tmp_path / "log")
    monkeypatch.setattr(process, "LIMIT_SECONDS", 0.1)
    with pytest.raises(BenchError, match="ended with -9 after"):
        process.run(command("import time; time.sleep(60)"), tmp_path / "log")


# The page


def test_a_ratio_compares_medians_with_and_without_the_check() -> None:
    found = result(series(0.5, 1, 4), series(9, 6, 3, check=2))
    assert (found.ratio, found.ratio_alone, found.tied) == (6, 4, False)
    assert result(series(1), series(2)).ratio_alone is None


def test_two_tools_are_tied_if_each_median_lies_in_the_spread_of_the_other() -> None:
    assert result(series(1, 2, 0.5), series(1.9, 3.8, 0.95)).tied
    steady, wide = series(1.0, 0.9, 1.1), series(1.3, 0.5, 3.0)
    assert not result(steady, wide).tied
    assert not result(wide, steady).tied


def test_a_row_has_time_cpu_and_memory_of_both_and_marks_slower_in_bold() -> None:
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


def test_the_page_begins_with_slower_scenarios_and_failures() -> None:
    quick, slow = result(series(1), series(2), "quick"), result(series(3), series(1), "slow")
    page = report.page([quick, slow], ["## Positions\n"], ["diff"], MACHINE)
    line = "- slow, against old chain: **slower, by a factor of 3.00**"
    assert f"Where this tool is slower than a peer:\n\n{line}\n\nFailed in this run, and missing below: `diff`." in page
    assert page.index("\n## A boot") < page.index("\n## Positions\n") < page.index("\n## Measured\n")
    assert "2026-11-21, with 2 cores and 8 GiB of memory; load 0.2 before the run.\nPython 3.11.2." in page
    assert "not slower than a peer anywhere" in report.page([quick], [], [], MACHINE)


def test_the_committed_page_has_every_scenario() -> None:
    for each in scenarios.every():
        heading, _ = report.HEADINGS[each.against]
        _, _, below = PAGE.partition(f"\n## {heading}\n")
        table, _, _ = below.partition("\n## ")
        assert f"\n| {each.title} |" in table
    assert "missing below" not in PAGE


def test_a_boot_with_nothing_to_do_takes_at_most_a_quarter_second_on_the_committed_page() -> None:
    found = re.search(r"^\| deploy, nothing to do \| ([\d.]+) s .*?\| ([\d.]+) times as fast \|", PAGE, re.MULTILINE)
    assert found is not None
    assert float(found[1]) <= 0.25
    assert float(found[2]) >= 50


# Positions


def test_the_committed_page_has_ten_million_positions_and_every_query() -> None:
    _, _, found = PAGE.partition("\n## Positions\n")
    assert f"{positions.SIZE.rows:,} fixes" in found
    assert positions.SIZE.rows == 10_000_000
    for case in queries.arguments(Random(0), positions.SIZE):
        # One row for each size.
        rows = [line for line in found.splitlines() if line.startswith(f"| `{case.query}`, {case.about} | ")]
        assert rows, case
        for one_of in INDEXES.get(case.query, []):
            for plan in [plan for row in rows for plan in row.split(" | ")[-len(Kind) :]]:
                assert any(f"`{name}`" in plan for name in one_of), rows
    assert "Seq Scan" not in found
