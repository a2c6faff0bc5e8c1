"""The page with the results. Owns its wording and tables; data in, Markdown out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tools.bench.machine import Machine
from tools.bench.scenario import Peer, Result, Series

HEADINGS = {
    Peer.CHAIN: (
        "A boot, against the old chain",
        "The chain is what this project replaced: a psql runner, Directus's `bootstrap`, its `schema apply --yes`,\n"
        "a psql runner. It gets the same DDL as plain `.sql` files, from `alembic upgrade --sql`.",
    ),
    Peer.CLI: (
        "No Directus is running, against Directus's own command line",
        "Both start a Directus of their own for the while, but ours where nothing differs for `diff` and `pull`: that\n"
        "nothing moved since the last deploy, or a pull after it, the database tells alone. The peer is\n"
        "`schema apply --yes`; for a diff `schema apply --dry-run`, for a pull `schema snapshot`. Ours loads the code\n"
        "that its last start compiled, here and above; a container, which has no last start, takes some tenths of a\n"
        "second more.",
    ),
    Peer.NPM: (
        "A Directus is running, against npm's directus-sync",
        "The package is kept to what both do: the schema, in one file, without records. The server has what it needs:\n"
        "its extension, a raised `MAX_PAYLOAD_SIZE` for more than about 100 collections, and no pressure limiter,\n"
        "since the package gives up where a busy server answers 503. It was seen to idle for up to\n"
        "0.9 s after the server's last answer, so that its times fall into steps. Where nothing moved since our last\n"
        "pull, which had nothing to write either, ours asks the server for its version and project, and no schema;\n"
        "what it takes where it does, the changed field shows.",
    ),
    None: ("Without a peer", "No peer has these commands."),
}

HEAD = """\
# Benchmarks

Written by `make bench`; never edited by hand. Each time is the median of whole processes, from start to exit, with the
fastest and the slowest in brackets. The sides of a comparison take turns in one run, so that noise hits both.
*Within the spread* says of two commands that the median of each lies between the other's fastest and slowest round: in
another run it may be the other way round.
A push of this tool ends with a look whether all arrived. One of Directus's command line or of npm's package does not,
so that the command by which they tell whether anything differs runs after it, and counts. What the push took alone is
said, too, though less was done.

![Bars of the medians](images/benchmarks.svg)
"""

MORE = """\
What a push of this tool does besides, and a peer's does not: before it takes something away it reads the server's
schema, to know what would be lost, and counts the rows in the way; afterwards it reads the schema, to see that all
arrived, and records it. All between is Directus's own work, the same for both.
To compare, and again to apply, Directus makes a hash of its whole schema where it is asked over HTTP, and none on its
command line. That hash is what refuses a plan which somebody's edit has overtaken, so this can't be saved.
"""

SPREAD = ", within the spread"
MEASURED = "## Measured\n"

REPEAT = """\
## How to repeat

```
make bench                                  # all rounds, half an hour
make bench ARGS=--quick                     # few rounds, a quarter of that; printed, nothing written
make bench ARGS="--only boot-idle diff"     # some scenarios; printed, nothing written
```

It installs npm's directus-sync in the cache, starts a PostgreSQL of its own, and deletes that afterwards. Other work on
the machine spoils the numbers. Not timed: preparing databases, starting the server that a scenario wants running, and
the check that the work was really done.

Memory, this tool's and the peer's, is the most that the process and all below it had resident at one moment, looked at
every 20 ms in a round that is not timed; pages that two of them share count twice. PostgreSQL is not in it, nor a
Directus that was running before.
"""


def page(results: Sequence[Result], failed: Sequence[str], machine: Machine) -> str:
    """Return the whole page, but for the section about positions."""
    parts = [HEAD, _slower(results)]
    if failed:
        parts.append("Failed in this run, and missing below: " + ", ".join(f"`{each}`" for each in failed) + ".\n")
    for peer, (heading, about) in HEADINGS.items():
        found = [result for result in results if result.scenario.against is peer]
        if found:
            parts.append(f"## {heading}\n\n{about}\n\n{table(found)}")
    return "\n".join([*parts, f"{MEASURED}\n{conditions(machine)}\n", REPEAT])


def table(results: Sequence[Result]) -> str:
    """Return a table of results that have the same peer."""
    peer = results[0].scenario.against
    if peer is None:
        lines = ["| | this tool | rounds | memory |", "|---|---|---|---|"]
        lines += [
            f"| {each.scenario.title} | {spread(each.ours)} | {_rounds(each)} | {_memory(each)} |" for each in results
        ]
    else:
        lines = [f"| | this tool | {peer.value} | this tool is | rounds | memory |", "|---|---|---|---|---|---|"]
        lines += [_row(each) for each in results]
    return "\n".join(lines) + "\n"


def _row(result: Result) -> str:
    theirs = "-"
    if result.theirs:
        looks = result.theirs.looks
        theirs = spread(result.theirs) + (f", look {seconds(statistics.median(looks))}" if looks else "")
    alone = f"; the push alone: {_alone(result)}" if result.ratio_alone is not None else ""
    return (
        f"| {result.scenario.title} | {spread(result.ours)} | {theirs} | {_comparison(result)}{alone} "
        f"| {_rounds(result)} | {_memory(result)} |"
    )


def verdict(ratio: float | None) -> str:
    """Say how the sides compare; a slower tool is shown in bold."""
    if ratio is None:
        return "-"
    if ratio < 1:
        return f"**slower, by a factor of {1 / ratio:.2f}**"
    return f"{ratio:.{1 if ratio >= 10 else 2}f} times as fast"


def _comparison(result: Result) -> str:
    return verdict(result.ratio) + (SPREAD if result.tied else "")


def _alone(result: Result) -> str:
    return verdict(result.ratio_alone) + (SPREAD if result.tied_alone else "")


def spread(series: Series) -> str:
    """Return median, fastest and slowest."""
    return f"{seconds(series.median)} ({seconds(min(series.seconds))} to {seconds(max(series.seconds))})"


def seconds(value: float) -> str:
    """Return a duration with three digits at most."""
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def conditions(machine: Machine) -> str:
    """Say when, where and with what was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"On {machine.day:%Y-%m-%d}, with {machine.cores} cores and {machine.gibibytes} GiB of memory; "
        f"load {machine.load:.1f} before the run.\n{versions}."
    )


def _rounds(result: Result) -> int:
    return len(result.ours.seconds)


def _memory(result: Result) -> str:
    each = [result.ours] + ([result.theirs] if result.theirs else [])
    return " / ".join(f"{series.mebibytes:.0f}" for series in each) + " MiB"


def _slower(results: Sequence[Result]) -> str:
    slower = [_against(each, _comparison(each)) for each in results if each.ratio is not None and each.ratio < 1]
    alone = [_against(each, _alone(each)) for each in results if each.ratio_alone is not None and each.ratio_alone < 1]
    parts = ["This tool is slower than a peer that does the same nowhere in this run.\n"]
    if slower:
        parts = ["Where this tool is slower than a peer that does the same:\n", *slower, ""]
    if alone:
        parts += ["Where a peer's push alone is faster than one of this tool with its look:\n", *alone, ""]
    return "\n".join([*parts, MORE] if slower or alone else parts)


def _against(result: Result, text: str) -> str:
    peer = result.scenario.against.value if result.scenario.against else ""
    return f"- {result.scenario.title}, against {peer}: {text}"
