"""All scenarios. Owns what is compared with what, and how often."""

from __future__ import annotations

from functools import partial

from tools.bench.scenario import Peer, Scenario
from tools.bench.scenarios import boots, pieces, pushes

SIZES = (12, 100, 250)
NEW_FIELDS = 200


def every() -> list[Scenario]:
    """Return all scenarios, in the order of the report."""
    return [
        Scenario("boot-idle", "deploy, nothing to do", Peer.CHAIN, 15, boots.idle),
        Scenario("boot-first", "first deploy of the real schema, empty database", Peer.CHAIN, 5, boots.first),
        Scenario("boot-changed", "deploy, one changed field", Peer.CHAIN, 5, boots.changed),
        Scenario("diff", "diff, nothing differs", Peer.CLI, 5, partial(pieces.idle, "diff")),
        Scenario("pull", "pull, nothing differs", Peer.CLI, 5, partial(pieces.idle, "pull")),
        Scenario("pull-changed", "pull, one changed field", Peer.CLI, 5, pieces.changed_pull),
        Scenario("served-diff", "diff, nothing differs", Peer.NPM, 7, partial(pieces.served_idle, "diff")),
        Scenario("served-pull", "pull, nothing differs", Peer.NPM, 7, partial(pieces.served_idle, "pull")),
        Scenario("served-pull-changed", "pull, one changed field", Peer.NPM, 7, pieces.served_changed_pull),
        Scenario("served-push", "push, nothing to do", Peer.NPM, 7, partial(pieces.served_idle, "push")),
        Scenario("served-changed", "push, one changed field", Peer.NPM, 7, pushes.served_changed),
        *_of_sizes(),
        Scenario("status", "status", None, 7, partial(pieces.alone, "status")),
        Scenario("check", "check, nothing differs, no running Directus", None, 5, partial(pieces.alone, "check")),
        Scenario("served-check", "check, nothing differs, a running Directus", None, 7, pieces.served_check),
    ]


def _of_sizes() -> list[Scenario]:
    found = []
    for size in SIZES:
        first, idle = f"{size} collections, first push", f"{size} collections, nothing to do"
        found += [
            Scenario(f"push-{size}-first", first, Peer.CLI, 5, partial(pushes.first, size)),
            Scenario(f"push-{size}-idle", idle, Peer.CLI, 5, partial(pushes.idle, size)),
            Scenario(f"served-{size}-first", first, Peer.NPM, 5, partial(pushes.served_first, size)),
            Scenario(f"served-{size}-idle", idle, Peer.NPM, 5, partial(pushes.served_idle, size)),
        ]
    fields = f"{NEW_FIELDS} new fields on {SIZES[-1]} collections"
    return [
        *found,
        Scenario("push-fields", fields, Peer.CLI, 5, partial(pushes.fields, SIZES[-1], NEW_FIELDS)),
        Scenario("served-fields", fields, Peer.NPM, 5, partial(pushes.served_fields, SIZES[-1], NEW_FIELDS)),
    ]
