"""The command line of `python -m tools.bench`. Owns options, exit codes and where results go."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

from tools.bench import audit, bench_setup, machine, permission, plot, positions, report, scenarios
from tools.bench.errors import BenchError
from tools.bench.machine import Machine
from tools.bench.positions import section
from tools.bench.result import Result
from tools.devstack.errors import StackError
from tools.devstack.locks import exclusive
from tools.devstack.progress import say

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "images" / "benchmarks.svg"
# Measurements without a peer: the module that measures, and the module that writes the section.
FURTHER = ((positions, section), (audit, audit), (permission, permission))
# --quick runs a fifth of the rounds: enough to see that everything works, and the order of magnitude.
QUICK = 5


@dataclass
class Run:
    """The results of a run so far. further: sections without a peer. failed: the ids of failed scenarios."""

    conditions: Machine
    results: list[Result] = field(default_factory=list)
    further: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def main(arguments: Sequence[str]) -> int:
    """Measure, and return the exit status: 1 if a scenario failed."""
    # Clean up after SIGTERM as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _parser().parse_args(arguments)
    titles = _titles()
    if options.list:
        sys.stdout.write("".join(f"{name:14} {title}\n" for name, title in titles.items()))
        return 0
    try:
        run = _measure(options.only or list(titles), quick=options.quick)
    except (StackError, BenchError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; nothing was written")
        return 130
    if options.only or options.quick:
        sys.stdout.write("\n".join([*report.sections(run.results), *run.further]))
    else:
        _write(run)
    return 1 if run.failed else 0


def _titles() -> dict[str, str]:
    return {each.id: each.title for each in scenarios.every()} | {each.ID: each.TITLE for each, _ in FURTHER}


def _measure(chosen: Sequence[str], *, quick: bool) -> Run:
    def rounds(usual: int) -> int:
        return max(1, usual // QUICK if quick else usual)

    stack = ROOT / ".stack"
    stack.mkdir(exist_ok=True)
    with exclusive(stack / "bench-run.lock", "Waiting for another bench"), bench_setup.opened(ROOT) as opened:
        run = Run(machine.look(opened))
        for scenario in scenarios.every():
            if scenario.id in chosen:
                with _noted(run, scenario.id):
                    run.results.append(scenario.run(opened, rounds(scenario.rounds)))
        for each, described in FURTHER:
            if each.ID in chosen:
                with _noted(run, each.ID):
                    run.further.append(described.section(each.measure(opened, rounds(each.ROUNDS))))
        return run


@contextmanager
def _noted(run: Run, name: str) -> Iterator[None]:
    """Record a scenario that fails, and go on with the others."""
    try:
        yield
    except (BenchError, StackError, psycopg2.Error, OSError) as error:
        say(f"{name} failed\n{error}")
        run.failed.append(name)


def _write(run: Run) -> None:
    PLOT.parent.mkdir(exist_ok=True)
    PLOT.write_text(plot.svg(run.results), encoding="utf-8")
    PAGE.write_text(report.page(run.results, run.further, run.failed, run.conditions), encoding="utf-8")
    say("Wrote docs/benchmarks.md and docs/images/benchmarks.svg")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tools.bench", description="Measure this tool against its peers.")
    parser.add_argument("--quick", action="store_true", help="a fifth of the rounds; print only, write no file")
    about = "only these scenarios; print only, write no file"
    parser.add_argument("--only", nargs="+", choices=list(_titles()), metavar="ID", help=about)
    parser.add_argument("--list", action="store_true", help="list the scenarios, measure nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
