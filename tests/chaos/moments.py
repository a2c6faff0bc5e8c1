"""Where to strike: points of a first deploy and of an upgrade, by what can be seen of them from outside."""

from __future__ import annotations

from tests.chaos.runs import LOCKED, OURS, Moment, Watch, counts, directus_waits, later, ours_waits, says

TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'directus%'"
MIGRATED = "SELECT count(*) FROM directus_migrations"
RECORDED = "SELECT count(*) FROM directus_sync.deploys"
CONNECTED = f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND datname = current_database()"
SERVES = "Started a private Directus"


def bootstraps(watch: Watch) -> bool:
    return watch.run.bootstraps


def server_starts(watch: Watch) -> bool:
    return watch.said("Starting a private Directus") and watch.run.node is not None


CONNECTS = Moment("it connects", counts(CONNECTED))
PRE = [
    Moment(f"{word} pre {number}", says(f"{word.capitalize():<9} pre_000{number}"))
    for number in range(1, 6)
    for word in ("applying:", "applied:")
]
BOOTSTRAP = [
    Moment("node bootstraps", bootstraps),
    *(Moment(f"{number} system tables", counts(TABLES, number)) for number in (1, 20, 60)),
    *(Moment(f"{number} system migrations", counts(MIGRATED, number)) for number in (1, 10, 30, 50, 70, 90)),
    Moment("a first role", counts("SELECT count(*) FROM directus_access")),
    Moment("a first administrator", counts("SELECT count(*) FROM directus_users")),
    Moment("bootstrapped", says("Bootstrapped")),
]
SERVER = [Moment("the server starts", server_starts), Moment("the server has started", says(SERVES))]
JUDGING = [Moment(f"judging {seconds} s", later(SERVES, seconds)) for seconds in (0.1, 0.25, 0.5)]
APPLYING = [
    Moment("the plan is out", says("Plan:")),
    Moment("pushing", says("Pushing")),
    *(Moment(f"{number} locks of the apply", counts(LOCKED, number)) for number in (1, 10, 30, 60)),
    Moment("pushed", says("Pushed")),
]
POST = [
    Moment(f"{word} post {number}", says(f"{word.capitalize():<9} post_000{number}"))
    for number in range(1, 3)
    for word in ("applying:", "applied:")
]
END = [
    Moment("comparing", says("Comparing once more")),
    Moment("comparing 0.2 s", later("Comparing once more", 0.2)),
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
BASE_WAITS = Moment("the base waits", ours_waits, "LOCK directus_sync.snapshot_history IN EXCLUSIVE MODE")
RECORD_WAITS = Moment("the record waits", ours_waits, "LOCK directus_sync.deploys IN EXCLUSIVE MODE")
UPGRADE = [
    CONNECTS,
    Moment("applying pre", says("Applying: pre_0006")),
    PRE_WAITS,
    Moment("applied pre", says("Applied:  pre_0006")),
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
    Moment("applying post", says("Applying: post_0003")),
    POST_WAITS,
    Moment("applied post", says("Applied:  post_0003")),
    PUT_BACK_WAITS,
    Moment("put back", says("Put back")),
    Moment("comparing", says("Comparing once more")),
    Moment("compared", says("Compared once more")),
    RECORD_WAITS,
    Moment("recorded", counts(RECORDED, 2)),
]
