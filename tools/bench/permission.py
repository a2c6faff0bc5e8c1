"""Pushes one changed permission, and compares that with a plain request. Owns the section about it."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from directus_sync import settings
from directus_sync.errors import SyncError
from directus_sync.output import Progress
from directus_sync.resources.access_kinds import ACCESS, PERMISSION
from directus_sync.resources.items import Items
from directus_sync.settings import Settings
from directus_sync.steps import families, planning, sessions
from directus_sync.steps.planning import Request
from directus_sync.steps.resources import ResourcePushing
from tools.bench import report, templates
from tools.bench.bench_setup import BenchSetup
from tools.bench.errors import BenchError
from tools.bench.scenarios.parts import serving
from tools.devstack.progress import step

ID: Final = "permission"
TITLE: Final = "one changed permission: a push against a plain PATCH"
ROUNDS: Final = 15
# The number of permissions of a platform with 22 collections and six roles, one rule each.
FEWER: Final = 113

_ITEM: Final = "permission:trm-viewer/entries/read"
_ROW: Final = """
SELECT t.id FROM directus_permissions t JOIN directus_policies p ON p.id = t.policy
WHERE p.name = 'TRM viewer' AND t.collection = 'entries' AND t.action = 'read'"""


@dataclass(frozen=True)
class Cost:
    """The seconds of each round. permissions: how many a push compares, besides policies, roles and attachments."""

    permissions: int
    pushed: tuple[float, ...]
    plain: tuple[float, ...]


def measure(bench: BenchSetup, rounds: int) -> tuple[Cost, ...]:
    """Repeatedly change a permission in a running Directus, and push the original back. Raises BenchError.

    Does so first with all permissions of this checkout, then with fewer.
    """
    with serving(bench, templates.deployed(bench)) as (name, server), step(f"{ID}: {TITLE}, {rounds} rounds"):
        try:
            loaded = settings.load(bench.environ(name, {"DIRECTUS_URL": server.url}))
            return tuple(compare(loaded, rounds, most) for most in (None, FEWER))
        except SyncError as error:
            raise BenchError("the push failed", str(error)) from error


def compare(loaded: Settings, rounds: int, most: int | None = None) -> Cost:
    """Measure on the Directus that the settings name. most: first remove other permissions until so many are left.

    Raises BenchError if a push changes anything else than the one permission.
    """
    found = [each for each in families.read_wanted(loaded, planning.read_wanted(loaded)) if each.family is ACCESS]
    if not found:
        raise BenchError("this checkout has no access files")
    (wanted,) = found
    plain: list[float] = []
    pushed: list[float] = []
    with (
        sessions.writing(loaded, "bench", Progress()) as connection,
        sessions.directus(loaded, connection, Progress()) as client,
    ):
        request = Request(discard=frozenset({_ITEM}))
        if most is not None:
            wanted = dataclasses.replace(wanted, items=_fewer(wanted.items, most))
        pushing = ResourcePushing(wanted, loaded, request, Progress(), connection, "push")
        if most is not None:
            pushing.run(lambda _: client)
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path = public; {_ROW}")
            (row,) = cursor.fetchone() or ("",)
        # The first round is a warm-up and does not count.
        for _ in range(rounds + 1):
            begun = time.perf_counter()
            client.write("PATCH", f"/permissions/{row}", {"fields": ["id"]})
            plain.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            plan = pushing.run(lambda _: client)
            pushed.append(time.perf_counter() - begun)
            if [item.id for item in plan.items] != [_ITEM]:
                raise BenchError(f"the push changed {[item.id for item in plan.items]}, not {_ITEM}")
    permissions = sum(1 for item in wanted.items.values() if item.kind == PERMISSION)
    return Cost(permissions, tuple(pushed[1:]), tuple(plain[1:]))


def section(costs: Sequence[Cost]) -> str:
    """Return the section of the page, with its heading."""
    return (
        "## One permission\n\n"
        "One permission differs. A push compares all permissions, sends that one, reads it again and records the\n"
        "base. A plain PATCH is only the request that changes it. Both ran"
        f" {len(costs[0].plain)} times, in turns, in one process.\n\n"
        "| | pushed | a plain PATCH | the push takes |\n|---|---|---|---|\n" + "".join(map(_line, costs))
    )


def _line(cost: Cost) -> str:
    ratio = statistics.median(cost.pushed) / statistics.median(cost.plain)
    return (
        f"| one of {cost.permissions} permissions | {report.spread(cost.pushed)} | {report.spread(cost.plain)}"
        f" | {ratio:.2f} times as long |\n"
    )


def _fewer(wanted: Items, most: int) -> Items:
    """Return the items with at most so many permissions. The permission that is measured stays."""
    names = sorted((name for name, item in wanted.items() if item.kind == PERMISSION), key=lambda name: name != _ITEM)
    return {name: item for name, item in wanted.items() if name not in names[most:]}
