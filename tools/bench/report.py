"""The page with the results. Owns its wording and tables; data in, Markdown out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tools.bench.machine import Machine
from tools.bench.result import Peer, Result

HEADINGS = {
    Peer.CHAIN: (
        "A boot, against the old chain",
        "This project replaced the chain: a psql runner, Directus's `bootstrap`, its `schema apply --yes`, a psql\n"
        "runner. The chain gets the same DDL as plain `.sql` files, from `alembic upgrade --sql`.",
    ),
    Peer.CLI: (
        "No Directus is running, against Directus's own command line",
        "For a push the peer is `schema apply --yes`, for a diff `schema apply --dry-run`, for a pull\n"
        "`schema snapshot`. When nothing changed since its last run, this tool asks the database alone and starts no\n"
        "Directus for a diff or a pull.",
    ),
    Peer.NPM: (
        "A Directus is running, against npm's directus-sync",
        "The package does what both do: the schema, in one file, without records. The server has what the package\n"
        "needs: its extension, a raised `MAX_PAYLOAD_SIZE` for more than about 100 collections, and no pressure\n"
        "limiter, because the package gives up when a busy server answers 503.",
    ),
}

HEAD = """\
# Benchmarks

Written by `make bench`; never edit it by hand. A time is the median of whole processes, from start to exit, with the
fastest and the slowest round in brackets. The sides of a comparison take turns in one run, so that noise hits both.
*Within the spread* means that each median lies between the other side's fastest and slowest round: in another run the
faster side may be the slower one.

CPU is the median of the CPU time of the process, of all processes below it, of PostgreSQL, and of a Directus that was
running. It changes less than the time when the machine is busy. Memory is the peak of the process and all below it in
any round, read every 20 ms; pages that two of them share count twice.

A push of this tool ends with a check that everything arrived. A push of Directus's command line or of npm's package
does not, so that the command with which they compare runs after it and counts. *The push alone* compares with the
peer's push without that command.

![Bars of the medians](images/benchmarks.svg)
"""

REPEAT = """\
## How to repeat

```
make bench                                  # everything, about an hour; writes this page
make bench ARGS=--quick                     # few rounds; prints, writes nothing
make bench ARGS="--only boot-idle diff"     # some scenarios; prints, writes nothing
make bench ARGS=--list                      # the names of the scenarios
```

It installs npm's directus-sync in the cache, starts a PostgreSQL of its own, and deletes that afterwards. Other work on
the machine spoils the times. Not measured: preparing databases, starting a server that a scenario needs, and the check
that the work was really done.
"""


def page(results: Sequence[Result], further: Sequence[str], failed: Sequence[str], machine: Machine) -> str:
    """Return the page. further: the sections without a peer."""
    parts = [HEAD, _slower(results)]
    if failed:
        parts.append("Failed in this run, and missing below: " + ", ".join(f"`{each}`" for each in failed) + ".\n")
    return "\n".join([*parts, *sections(results), *further, f"## Measured\n\n{conditions(machine)}\n", REPEAT])


def sections(results: Sequence[Result]) -> list[str]:
    """Return a section for each peer that was compared with."""
    found = {peer: [result for result in results if result.against is peer] for peer in HEADINGS}
    return [
        f"## {heading}\n\n{about}\n\n{table(found[peer])}" for peer, (heading, about) in HEADINGS.items() if found[peer]
    ]


def table(results: Sequence[Result]) -> str:
    """Return a table of results that have the same peer."""
    peer = results[0].against.value
    head = f"| | this tool | {peer} | this tool is | CPU | rounds | memory |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *map(_row, results)]) + "\n"


def _row(result: Result) -> str:
    ours, theirs = result.ours, result.theirs
    alone = f"; the push alone: {verdict(result.ratio_alone)}" if result.ratio_alone is not None else ""
    cells = [
        result.title,
        spread(ours.seconds),
        spread(theirs.seconds),
        _comparison(result) + alone,
        f"{seconds(ours.cpu)} / {seconds(theirs.cpu)}, {share(ours.cpu / theirs.cpu)}",
        str(len(ours.rounds)),
        f"{ours.mebibytes:.0f} / {theirs.mebibytes:.0f} MiB",
    ]
    return f"| {' | '.join(cells)} |"


def verdict(ratio: float) -> str:
    """Say how the sides compare; a slower tool is shown in bold."""
    if ratio < 1:
        return f"**slower, by a factor of {1 / ratio:.2f}**"
    return f"{ratio:.{1 if ratio >= 10 else 2}f} times as fast"


def share(ratio: float) -> str:
    """Say how much of the peer's CPU time this tool takes; more is shown in bold."""
    return f"1/{1 / ratio:.{1 if ratio <= 0.1 else 2}f}" if ratio <= 1 else f"**{ratio:.2f} times as much**"


def spread(times: Sequence[float]) -> str:
    """Return median, fastest and slowest of some durations."""
    return f"{seconds(statistics.median(times))} ({seconds(min(times))} to {seconds(max(times))})"


def seconds(value: float) -> str:
    """Return a duration with at most three digits."""
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def conditions(machine: Machine) -> str:
    """Say when, where and with what was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"On {machine.day:%Y-%m-%d}, with {machine.cores} cores and {machine.gibibytes} GiB of memory; "
        f"load {machine.load:.1f} before the run.\n{versions}."
    )


def _comparison(result: Result) -> str:
    return verdict(result.ratio) + (", within the spread" if result.tied else "")


def _slower(results: Sequence[Result]) -> str:
    slower = [
        f"- {each.title}, against {each.against.value}: {_comparison(each)}\n" for each in results if each.ratio < 1
    ]
    if not slower:
        return "This tool is slower than a peer nowhere in this run.\n"
    return f"Where this tool is slower than a peer:\n\n{''.join(slower)}"
