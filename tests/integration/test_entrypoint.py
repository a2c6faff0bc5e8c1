"""The container's entrypoint, without a container: it reports why it does not serve, and a signal ends everything.

test_image.py tests that it migrates and then serves.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from directus_sync.postgres.lock import LOCK_KEY
from tests.boots import ENTRYPOINT, Boot, booting
from tests.conftest import Tool
from tests.processes import until

FIXTURES = Path(__file__).parent.parent / "fixtures"

SHELLS = [("sh",), ("busybox", "sh")]  # dash on this machine, and Alpine's shell


@pytest.fixture
def pm2(stack_environ: dict[str, str]) -> tuple[str | Path, ...]:
    """The image's command as far as it exists here: pm2 comes with Directus, the configuration file does not."""
    installed = Path(stack_environ["DIRECTUS_HOME"]).resolve().parents[2]
    (program,) = installed.glob("pm2@*/node_modules/pm2/bin/pm2-runtime")
    return "node", program, "start", FIXTURES / "ecosystem.config.cjs"


@pytest.mark.slow
def test_the_command_of_the_image_serves_and_stops(deployed: Tool, pm2: tuple[str | Path, ...], tmp_path: Path) -> None:
    init = ("tini", "-s", "--") if shutil.which("tini") else ()
    environ = {**deployed.environ, "PM2_HOME": str(tmp_path / "pm2")}
    with booting(environ, tmp_path, pm2, entrypoint=(*init, ENTRYPOINT)) as boot:
        until(lambda: boot.serves)
        assert "Nothing to do" in boot.output
        stopped = boot.stop()
        assert not boot.processes
        assert stopped.code == 0, stopped.text


# Signals


def waits_for_the_database(boot: Boot) -> bool:
    return "Waiting for" in boot.output


def bootstraps(boot: Boot) -> bool:
    return boot.runs("directus.mjs bootstrap")


def pushes(boot: Boot) -> bool:
    return boot.runs("directus.mjs work")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(
    "moment",
    [
        waits_for_the_database,
        pytest.param(bootstraps, marks=pytest.mark.slow),
        pytest.param(pushes, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_deploy(
    empty: Tool, moment: Callable[[Boot], bool], number: signal.Signals, tmp_path: Path
) -> None:
    environ = empty.environ
    if moment is waits_for_the_database:
        environ["DB_PORT"] = "1"
    if moment is bootstraps:
        environ["DIRECTUS_SYNC_WORKER"] = "off"
    interrupt(empty, environ, moment, number, tmp_path)


def interrupt(
    tool: Tool, environ: dict[str, str], moment: Callable[[Boot], bool], number: signal.Signals, folder: Path
) -> None:
    with booting(environ, folder, ["touch", folder / "served"]) as boot:
        until(lambda: moment(boot))
        stopped = boot.stop(number)
        assert not boot.processes
    assert stopped.code == 128 + number
    assert "interrupted; what was finished stays" in stopped.err
    assert not (folder / "served").exists()
    until(lambda: "lock       free" in tool("status").out, seconds=5)


def test_a_signal_ends_a_server_that_is_starting(settled: Tool, tmp_path: Path) -> None:
    with booting(settled.environ, tmp_path) as boot:
        until(lambda: boot.runs("cli.js start") and not boot.runs("deploy") and not boot.runs("entrypoint"))
        assert boot.stop().code == -signal.SIGTERM
        assert not boot.processes


@pytest.mark.parametrize(
    ("shell", "signals"),
    [(("sh",), 5), *(pytest.param(shell, 60, marks=pytest.mark.slow) for shell in SHELLS)],
    ids=["a few", *map(" ".join, SHELLS)],
)
def test_a_signal_ends_the_boot_at_any_moment(
    settled: Tool, shell: tuple[str, ...], signals: int, tmp_path: Path
) -> None:
    """From the first line of the shell to the served command. Nothing has to be deployed, to keep this short."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    entrypoint: tuple[str | Path, ...] = (*shell, ENTRYPOINT)
    started = time.monotonic()
    with booting(settled.environ, tmp_path, ["true"], entrypoint=entrypoint) as boot:
        assert boot.ended().code == 0
    lasted = time.monotonic() - started
    for round_ in range(signals):
        with booting(settled.environ, tmp_path, ["sleep", "60"], entrypoint=entrypoint) as boot:
            time.sleep(1.2 * lasted * round_ / signals)
            stopped = boot.stop()
            assert stopped.code in {128 + signal.SIGTERM, -signal.SIGTERM}, stopped.text
            assert not boot.processes
    with booting(settled.environ, tmp_path, ["sleep", "60"], entrypoint=entrypoint) as boot:
        until(lambda: any(line.startswith("sleep 60") for line in boot.processes.values()))
        assert boot.stop().code == -signal.SIGTERM


# Failures


def table_in_the_way(tool: Tool) -> dict[str, str]:
    tool.database.execute("CREATE TABLE public.positions (id int)")
    return {}


def no_database(tool: Tool) -> dict[str, str]:
    return {"DB_PORT": "1", "DIRECTUS_SYNC_DB_WAIT": "0.5"}


def no_administrator(tool: Tool) -> dict[str, str]:
    return {"ADMIN_TOKEN": "", "ADMIN_PASSWORD": ""}


def changes_forbidden(tool: Tool) -> dict[str, str]:
    return {"DIRECTUS_SCHEMA_APPLY_MODE": "dry-run"}


@pytest.mark.parametrize(
    ("arrange", "code", "message"),
    [
        (table_in_the_way, 1, "error[precondition-failed]"),
        (no_database, 2, "error[database-unavailable]"),
        pytest.param(no_administrator, 2, "error[wrong-settings]", marks=pytest.mark.slow),
        (changes_forbidden, 3, "pre_0001"),
    ],
)
def test_a_failed_deploy_stops_the_boot(
    empty: Tool, arrange: Callable[[Tool], dict[str, str]], code: int, message: str, tmp_path: Path
) -> None:
    with booting({**empty.environ, **arrange(empty)}, tmp_path, ["touch", tmp_path / "served"]) as boot:
        failed = boot.ended()
    assert failed.code == code, failed.text
    assert message in failed.err
    assert not (tmp_path / "served").exists()


def test_a_failed_post_revision_stops_the_boot_and_the_next_deploy_continues(deployed: Tool, tmp_path: Path) -> None:
    assert deployed.alembic("downgrade", "post@base").code == 0
    deployed.database.execute(
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'no indexes today'; END$$;"
        "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION refuse()"
    )
    with booting(deployed.environ, tmp_path) as boot:
        failed = boot.ended()
        with pytest.raises(httpx.ConnectError):
            boot.get("/server/ping")
        assert not boot.processes
    assert failed.code == 1, failed.text
    assert "error[migration-failed]: post_0007_add_spatial_indexes failed: no indexes today" in failed.err
    deployed.database.execute("DROP EVENT TRIGGER refuse; DROP FUNCTION refuse()")
    done = deployed("deploy")
    assert (done.code, "Applied:  post_0006" in done.err, "Applied:  post_0007" in done.err) == (0, False, True)
    assert deployed("check").code == 0


def test_a_refused_push_stops_the_boot(deployed: Tool, tmp_path: Path) -> None:
    deployed.database.execute("DELETE FROM directus_sync.snapshot_history")
    deployed.database.execute(
        "UPDATE directus_fields SET note = 'by hand' WHERE collection = 'events' AND field = 'name'"
    )
    environ = {**deployed.environ, "DIRECTUS_SYNC_ON_DRIFT": "halt"}
    with booting(environ, tmp_path, ["touch", tmp_path / "served"]) as boot:
        refused = boot.ended()
    assert refused.code == 4, refused.text
    assert "error[uncaptured-live-work]" in refused.err
    assert not (tmp_path / "served").exists()


def test_a_replica_stops_if_it_waits_too_long_for_the_lock(empty: Tool, tmp_path: Path) -> None:
    with empty.database.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        environ = {**empty.environ, "DIRECTUS_SYNC_LOCK_WAIT": "0.5"}
        with booting(environ, tmp_path, ["touch", tmp_path / "served"]) as boot:
            late = boot.ended()
    assert late.code == 5, late.text
    assert "error[lock-timeout]" in late.err


def test_a_boot_without_a_command_is_refused(empty: Tool, tmp_path: Path) -> None:
    with booting(empty.environ, tmp_path, []) as boot:
        assert boot.ended().code == 2
        assert "no command after --" in boot.output


def test_a_boot_with_a_missing_program_is_refused_before_it_deploys(empty: Tool, tmp_path: Path) -> None:
    before = empty.database.contents()
    with booting(empty.environ, tmp_path, ["no-such-program"]) as boot:
        assert boot.ended().code == 2
        assert "error[wrong-settings]: no-such-program is not a program that can be run" in boot.output
    assert empty.database.contents() == before


def test_a_boot_refuses_settings_with_a_published_vulnerability(settled: Tool) -> None:
    refused = settled.with_settings(WEBSOCKETS_REST_AUTH="public")("deploy", "--", "echo", "served")
    assert (refused.code, refused.out, "error[unsafe-settings]" in refused.err) == (2, "", True), refused.text


@pytest.mark.parametrize("options", [(), ("--mode", "dry-run")], ids=" ".join)
def test_the_served_command_gets_its_own_options_and_sets_the_exit_code(
    settled: Tool, options: tuple[str, ...]
) -> None:
    done = settled("deploy", *options, "--", "sh", "-c", "echo $1; exit 7", "it", "--json")
    assert done.code == 7, done.text
    assert done.out.splitlines()[-1] == "--json"
