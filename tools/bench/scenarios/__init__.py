"""All scenarios. Owns the comparisons and their numbers of rounds."""

from __future__ import annotations

from functools import partial

from tools.bench.result import Peer
from tools.bench.scenario import Scenario
from tools.bench.scenarios import boots, pushes, reads

SIZES = (12, 100, 250)
LARGEST = SIZES[-1]
NEW_FIELDS = 200


def every() -> list[Scenario]:
    """Return all scenarios, in the order of the report."""
    new_fields = f"{NEW_FIELDS} new fields on {LARGEST} collections"
    return [
        Scenario("boot-idle", "deploy, nothing to do", Peer.CHAIN, 9, boots.idle),
        Scenario("boot-first", "first deploy of the real schema", Peer.CHAIN, 5, partial(boots.first, whole=False)),
        Scenario("boot-whole", "the same with access and resources", Peer.CHAIN, 5, partial(boots.first, whole=True)),
        Scenario("boot-changed", "deploy, one changed field", Peer.CHAIN, 5, boots.changed),
        Scenario("diff", "diff, nothing differs", Peer.CLI, 5, partial(reads.idle, "diff")),
        Scenario("pull", "pull, nothing differs", Peer.CLI, 5, partial(reads.idle, "pull")),
        *(
            Scenario(f"push-{size}", f"{size} collections, first push", Peer.CLI, 5, partial(pushes.first, size))
            for size in SIZES
        ),
        Scenario("fields", new_fields, Peer.CLI, 3, partial(pushes.fields, LARGEST, NEW_FIELDS)),
        Scenario("served-changed", "push, one changed field", Peer.NPM, 5, pushes.served_changed),
        Scenario(
            f"served-{LARGEST}",
            f"{LARGEST} collections, first push",
            Peer.NPM,
            5,
            partial(pushes.served_first, LARGEST),
        ),
    ]
