"""The page with the results. Owns its wording and tables; data in, Markdown out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tools.bench.machine import Machine
from tools.bench.result import Peer, Result

HEADINGS = {
    Peer.CHAIN: (
        "A boot, against the old chain",
        "This project replaced the old chain: a psql runner, Directus's `bootstrap` and `schema apply --yes`, and the\n"
        "psql runner again. The chain gets the same DDL as plain `.sql` files, from `alembic upgrade --sql`.",
    ),
    Peer.CLI: (
        "No Directus is running, against Directus's own command line",
        "For a push the peer is `schema apply --yes`, for a diff `schema apply --dry-run`, for a pull\n"
        "`schema snapshot`. If nothing changed since this tool's last run, its diff and pull ask only the database\n"
        "and start no Directus.",
    ),
    Peer.NPM: (
        "A Directus is running, against npm's directus-sync",
        "The package pushes only what both tools can push: the schema, in one file, without records. The server has\n"
        "what the package needs: its extension, a higher `MAX_PAYLOAD_SIZE` for more than about 100 collections, and\n"
        "no pressure limiter, because the package gives up when a busy server answers 503.",
    ),
}

HEAD = """\
# Benchmarks

Written by `make bench`; never edit it by hand. A time is the median over all rounds. Each round runs a whole process,
from start to exit; the fastest and the slowest round are in brackets. The sides of a comparison take turns in one run,
so that noise affects both. *Within the spread* means that each median is between the other side's fastest and slowest
round: in another run the faster side may be the slower one.

CPU is the median CPU time of the process, its descendants, PostgreSQL, and a Directus that was running. If the machine
is busy, it changes less than the time. Memory is the peak of the process and its descendants in any round, read every
20 ms; pages that two processes share count twice.

A push of this tool ends with a check that everything arrived. A push of Directus's command line or of npm's package
does not, so the peer's command that compares runs afterwards, and its time counts. *The push alone* compares with the
peer's push without that command.

![Bars of the medians](images/benchmarks.svg)
"""

REPEAT = """\
## How to repeat

```
make bench                                  # everything, about an hour; writes this page
make bench ARGS=--quick                     # few rounds; prints the results, writes no file
make bench ARGS="--only boot-idle diff"     # some scenarios; prints the results, writes no file
make bench ARGS=--list                      # the names of the scenarios
```

It installs npm's directus-sync in the cache, starts its own PostgreSQL, and deletes that afterwards. Other work on the
machine distorts the times. Not measured: preparing databases, starting a server that a scenario needs, and checking
that the work was really done.
"""


def page(results: Sequence[Result], further: Sequence[str], failed: Sequence[str], machine: Machine) -> str:
    """Return the page. further: the sections without a peer."""
    parts = [HEAD, _slower(results)]
    if failed:
        parts.append("Failed in this run, and missing below: " + ", ".join(f"`{each}`" for each in failed) + ".\n")
    return "\n".join([*parts, *sections(results), *further, f"## Measured\n\n{conditions(machine)}\n", REPEAT])


def sections(results: Sequence[Result]) -> list[str]:
    """Return a section for each peer that has results."""
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
    """Describe how the sides compare, in bold if this tool is slower."""
    if ratio < 1:
        return f"**slower, by a factor of {1 / ratio:.2f}**"
    return f"{ratio:.{1 if ratio >= 10 else 2}f} times as fast"


def share(ratio: float) -> str:
    """Describe this tool's CPU time as a share of the peer's, in bold if it is more."""
    return f"1/{1 / ratio:.{1 if ratio <= 0.1 else 2}f}" if ratio <= 1 else f"**{ratio:.2f} times as much**"


def spread(times: Sequence[float]) -> str:
    """Return the median, the fastest and the slowest of some durations, as text."""
    return f"{seconds(statistics.median(times))} ({seconds(min(times))} to {seconds(max(times))})"


def seconds(value: float) -> str:
    """Return a duration as text."""
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def conditions(machine: Machine) -> str:
    """Describe when, on which machine and with which versions the run was measured."""
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
        return "This tool is not slower than a peer anywhere in this run.\n"
    return f"Where this tool is slower than a peer:\n\n{''.join(slower)}"
