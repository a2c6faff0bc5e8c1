"""The command line of `python -m bench`. Owns options, exit codes and where results go; measures nothing itself."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import arena, machine, plot, report, runner, scenarios
from bench.arena import Arena
from bench.errors import BenchError
from bench.machine import Machine
from bench.scenario import Result, Scenario
from devstack.errors import StackError
from devstack.locks import exclusive
from devstack.progress import say

ROOT = Path(__file__).resolve().parent.parent
# A fifth of the rounds shows an order of magnitude, and that all works.
QUICK = 5


def main(arguments: Sequence[str]) -> int:
    """Measure, and return the exit status: 1 when a scenario failed."""
    # A terminated run cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, _interrupted)
    options = _parser().parse_args(arguments)
    known = scenarios.every()
    if options.list:
        sys.stdout.write("".join(f"{each.id:17} {each.title}\n" for each in known))
        return 0
    chosen = [each for each in known if not options.only or each.id in options.only]
    try:
        conditions, results, failed = _measure(chosen, quick=options.quick)
    except (StackError, BenchError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; nothing was written")
        return 130
    if options.only:
        sys.stdout.write("".join(report.table([each]) + "\n" for each in results))
    else:
        _write(results, failed, conditions)
    return 1 if failed else 0


def _measure(chosen: Sequence[Scenario], *, quick: bool) -> tuple[Machine, list[Result], list[str]]:
    stack = ROOT / ".stack"
    stack.mkdir(exist_ok=True)
    with exclusive(stack / "bench-run.lock", "Waiting for another bench"), arena.opened(ROOT) as opened:
        conditions = machine.look(opened)
        results: list[Result] = []
        failed: list[str] = []
        for scenario in chosen:
            _try(
                scenario, opened, results, failed, rounds=max(1, scenario.rounds // QUICK if quick else scenario.rounds)
            )
        return conditions, results, failed


def _try(scenario: Scenario, opened: Arena, results: list[Result], failed: list[str], *, rounds: int) -> None:
    try:
        results.append(runner.run(scenario, opened, rounds))
    except BenchError as error:
        # The others are still worth their time.
        say(f"{scenario.id} failed\n{error}")
        failed.append(scenario.id)


def _write(results: Sequence[Result], failed: Sequence[str], conditions: Machine) -> None:
    docs = ROOT / "docs"
    (docs / "images").mkdir(exist_ok=True)
    (docs / "images" / "benchmarks.svg").write_text(plot.svg(results), encoding="utf-8")
    (docs / "benchmarks.md").write_text(report.page(results, failed, conditions), encoding="utf-8")
    say("Wrote docs/benchmarks.md and docs/images/benchmarks.svg")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description="Measure this tool against its peers.")
    parser.add_argument("--quick", action="store_true", help="a fifth of the rounds")
    names = [each.id for each in scenarios.every()]
    parser.add_argument("--only", nargs="+", choices=names, metavar="ID", help="just these; prints, and writes no file")
    parser.add_argument("--list", action="store_true", help="list the scenarios, measure nothing")
    return parser


def _interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
