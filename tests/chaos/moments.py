"""Where to strike: points of a first deploy and of an upgrade, by what can be seen of them from outside."""

from __future__ import annotations

from directus_sync.state import revisions
from tests.chaos.runs import LOCKED, OURS, Moment, Reached, Watch, counts, directus_waits, later, ours_waits, says

TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'directus%'"
MIGRATED = "SELECT count(*) FROM directus_migrations"
RECORDED = "SELECT count(*) FROM directus_sync.deploys"
CONNECTED = f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND datname = current_database()"
SERVES = "Started a private Directus"


def bootstraps(watch: Watch) -> bool:
    return watch.run.bootstraps


def server_starts(watch: Watch) -> bool:
    return watch.said("Starting a private Directus") and watch.run.node is not None


def _revisions(branch: revisions.Branch, first: int, last: int) -> list[Moment]:
    return [
        Moment(f"{word} {branch} {number}", says(f"{word.capitalize():<9} {branch}_{number:04d}"))
        for number in range(first, last + 1)
        for word in ("applying:", "applied:")
    ]


LAST_PRE, LAST_POST = (int(revisions.checkout_head(branch).partition("_")[2]) for branch in revisions.BRANCHES)


def applies(number: int) -> Reached:
    """Directus has made or changed so many tables of an apply."""
    return lambda watch: watch.said("Pushing") and watch.counts(LOCKED) >= number


CONNECTS = Moment("it connects", counts(CONNECTED), fleeting=True)
PRE = _revisions("pre", 1, LAST_PRE)
BOOTSTRAP = [
    Moment("node bootstraps", bootstraps, fleeting=True),
    *(Moment(f"{number} system tables", counts(TABLES, number)) for number in (1, 20, 60)),
    *(Moment(f"{number} system migrations", counts(MIGRATED, number)) for number in (1, 10, 30, 50, 70, 90)),
    Moment("a first role", counts("SELECT count(*) FROM directus_access")),
    Moment("a first administrator", counts("SELECT count(*) FROM directus_users")),
    Moment("bootstrapped", says("Bootstrapped")),
]
MIDDLE_OF_BOOTSTRAP = BOOTSTRAP[6]
SERVER = [Moment("the server starts", server_starts, fleeting=True), Moment("the server has started", says(SERVES))]
JUDGING = [Moment(f"judging {seconds} s", later(SERVES, seconds), fleeting=True) for seconds in (0.1, 0.25, 0.5)]
APPLYING = [
    Moment("the plan is out", says("Plan:")),
    Moment("pushing", says("Pushing")),
    *(Moment(f"{number} locks of the apply", applies(number), fleeting=True) for number in (1, 10, 30, 60)),
    Moment("pushed", says("Pushed")),
]
POST = _revisions("post", 1, LAST_POST)
END = [
    Moment("comparing", says("Comparing once more")),
    Moment("comparing 0.2 s", later("Comparing once more", 0.2), fleeting=True),
    Moment("compared", says("Compared once more")),
    Moment("recorded", counts(RECORDED)),
]
FIRST_DEPLOY = [CONNECTS, *PRE, *BOOTSTRAP, *SERVER, *JUDGING, *APPLYING, *POST, *END]

# Somebody's lock holds the step, so that it is struck in its middle.
PRE_WAITS = Moment("the pre revision waits", ours_waits, "LOCK positions IN ACCESS SHARE MODE")
COPY_WAITS = Moment("the copy to the attic waits", ours_waits, "LOCK vehicles IN ROW EXCLUSIVE MODE")
APPLY_WAITS = Moment("the apply waits", directus_waits, "LOCK devices IN ACCESS SHARE MODE")
POST_WAITS = Moment("the post revision waits", ours_waits, "LOCK entries IN ACCESS SHARE MODE")
PUT_BACK_WAITS = Moment("what was lost waits to be put back", ours_waits, "LOCK organization_devices IN SHARE MODE")
PUT_BACK = Moment("put back", says("Put back"))
BASE_WAITS = Moment("the base waits", ours_waits, "LOCK directus_sync.snapshot_history IN EXCLUSIVE MODE")
RECORD_WAITS = Moment("the record waits", ours_waits, "LOCK directus_sync.deploys IN EXCLUSIVE MODE")
NEW_PRE, NEW_POST = _revisions("pre", LAST_PRE + 1, LAST_PRE + 1), _revisions("post", LAST_POST + 1, LAST_POST + 1)
UPGRADE = [
    CONNECTS,
    NEW_PRE[0],
    PRE_WAITS,
    NEW_PRE[1],
    *SERVER,
    *JUDGING,
    Moment("copying", says("Copying to the attic")),
    COPY_WAITS,
    Moment("copied", says("Copied 1 item")),
    Moment("pushing", says("Pushing")),
    APPLY_WAITS,
    Moment("pushed", says("Pushed")),
    Moment("kept", says("Kept vehicles.vin")),
    BASE_WAITS,
    NEW_POST[0],
    POST_WAITS,
    NEW_POST[1],
    PUT_BACK_WAITS,
    PUT_BACK,
    Moment("comparing", says("Comparing once more")),
    Moment("compared", says("Compared once more")),
    RECORD_WAITS,
    Moment("recorded", counts(RECORDED, 2)),
]


def between(moments: list[Moment], first: Moment, last: Moment) -> list[Moment]:
    """Return the moments from one to another, both included."""
    return moments[moments.index(first) : moments.index(last) + 1]
