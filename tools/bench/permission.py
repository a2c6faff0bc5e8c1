"""One changed permission: pushed by this tool, and sent as a plain request. Owns the section about it."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from directus_sync import settings
from directus_sync.commands import access, planning, sessions
from directus_sync.commands.planning import Request
from directus_sync.errors import SyncError
from directus_sync.output import Progress
from tools.bench import report, templates
from tools.bench.errors import BenchError
from tools.bench.scenarios.parts import serving
from tools.devstack.progress import step

if TYPE_CHECKING:
    from directus_sync.settings import Settings
    from tools.bench.arena import Arena

ID: Final = "permission"
TITLE: Final = "one changed permission, pushed, and by a plain PATCH"
ROUNDS: Final = 15

_ITEM: Final = "permission:trm-viewer/entries/read"
_ROW: Final = """
SELECT t.id FROM directus_permissions t JOIN directus_policies p ON p.id = t.policy
WHERE p.name = 'TRM viewer' AND t.collection = 'entries' AND t.action = 'read'"""


@dataclass(frozen=True)
class Cost:
    """Seconds of each round. compared: the items that each push compares."""

    compared: int
    pushed: tuple[float, ...]
    plain: tuple[float, ...]


def measure(arena: Arena, rounds: int) -> Cost:
    """Change a permission of a running Directus and push it back, again and again. Raises BenchError."""
    with serving(arena, templates.deployed(arena)) as (name, server), step(f"{ID}: {TITLE}, {rounds} rounds"):
        try:
            return compare(settings.load(arena.environ(name, {"DIRECTUS_URL": server.url})), rounds)
        except SyncError as error:
            raise BenchError("the push failed", str(error)) from error


def compare(loaded: Settings, rounds: int) -> Cost:
    """Measure at the Directus that the settings name. Raises BenchError when a push does not push the one item."""
    wanted = access.read_wanted(loaded, planning.read_wanted(loaded))
    if wanted is None:
        raise BenchError("this checkout has no access files")
    plain: list[float] = []
    pushed: list[float] = []
    with (
        sessions.writing(loaded, "bench", Progress()) as connection,
        sessions.directus(loaded, connection, Progress()) as client,
    ):
        pushing = access.pushing(loaded, Request(discard=frozenset({_ITEM})), Progress(), connection, "push")
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path = public; {_ROW}")
            (row,) = cursor.fetchone() or ("",)
        # The first round warms up, and does not count.
        for _ in range(rounds + 1):
            begun = time.perf_counter()
            client.write("PATCH", f"/permissions/{row}", {"fields": ["id"]})
            plain.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            plan = pushing.run(lambda: client, wanted)
            pushed.append(time.perf_counter() - begun)
            if [item.id for item in plan.items] != [_ITEM]:
                raise BenchError(f"the push changed {[item.id for item in plan.items]}, not {_ITEM}")
    return Cost(len(wanted), tuple(pushed[1:]), tuple(plain[1:]))


def section(cost: Cost) -> str:
    """Return the section of the page, with its heading."""
    pushed, plain = statistics.median(cost.pushed), statistics.median(cost.plain)
    return (
        "## One permission\n\n"
        f"Of {cost.compared} items of access one differs. A push compares all of them, sends that one, compares again\n"
        "and records the base; beside it the request alone."
        f" {len(cost.plain)} times each, in turns, in one process.\n\n"
        "| | pushed | a plain PATCH | the push takes |\n|---|---|---|---|\n"
        f"| one permission | {report.spread(cost.pushed)} | {report.spread(cost.plain)}"
        f" | {pushed / plain:.2f} times as long |\n"
    )
