"""Behind PgBouncer in transaction mode, reading does not change the pooled session, and writing is refused."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Tool

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is missing; `make test` installs it on Debian")


@pytest.fixture(scope="module")
def pooled(settled: Tool) -> Iterator[Tool]:
    """The tool with one pooled session between it and the database."""
    # pytest's folder is closed to other users, and PgBouncer refuses to run as root.
    with tempfile.TemporaryDirectory() as folder:
        yield from _pooled(settled, Path(folder))


def _pooled(deployed: Tool, folder: Path) -> Iterator[Tool]:
    assert PGBOUNCER is not None
    database = deployed.settings.database
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    users = folder / "users.txt"
    users.write_text(f'"{database.user}" "{database.password}"\n')
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n{database.name} = host={database.host} port={database.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n"
        f"auth_file = {users}\npool_mode = transaction\ndefault_pool_size = 1\n"
        "ignore_startup_parameters = options, extra_float_digits\n"
    )
    for path in (folder, users, settings):
        path.chmod(0o755)
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    process = subprocess.Popen([*as_nobody, PGBOUNCER, str(settings)], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "process up" in line:
                break
        assert process.poll() is None, "".join(said)
        yield deployed.with_settings(DB_HOST="127.0.0.1", DB_PORT=str(port))
    finally:
        process.terminate()
        process.communicate(timeout=20)


def pooled_connection(tool: Tool) -> psycopg.Connection[tuple[object, ...]]:
    database = tool.settings.database
    return psycopg.connect(
        host=database.host,
        port=database.port,
        dbname=database.name,
        user=database.user,
        password=database.password,
        prepare_threshold=None,
        autocommit=True,
    )


def test_status_leaves_the_pooled_session_writable(pooled: Tool) -> None:
    pooled.done("status")
    with pooled_connection(pooled) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchall() == [("off",)]


def test_deploy_refuses_a_pooler_and_takes_no_lock(pooled: Tool) -> None:
    pooled.database.execute("DELETE FROM directus_sync.deploys")  # so that there is something to do
    refused = pooled("deploy")
    assert (refused.code, "behind a connection pooler" in refused.err) == (2, True), refused.text
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
    assert pooled.database.value(f"{locks} WHERE datname = current_database())") == 0


@pytest.mark.parametrize("number", [3, pytest.param(8, marks=pytest.mark.slow)])
def test_concurrent_deploys_beside_a_pooler_run_one_at_a_time(pooled: Tool, settled: Tool, number: int) -> None:
    """Directus uses the pooler. The deploys lock through the direct address."""
    database = settled.settings.database
    pooled.database.execute("DELETE FROM directus_sync.deploys; DROP INDEX positions_faulty_idx")
    direct = pooled.with_settings(DIRECTUS_SYNC_DB_HOST=database.host, DIRECTUS_SYNC_DB_PORT=str(database.port))
    running = [direct.start("deploy") for _ in range(number)]
    done = [direct.wait_for(process, timeout=300) for process in running]
    assert [each.code for each in done] == [0] * number, "\n".join(each.text for each in done)
    assert sum("Put back: index positions.positions_faulty_idx" in each.err for each in done) == 1
    assert sum(each.out.startswith("Nothing to do") for each in done) == number - 1
    with pooled_connection(pooled) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchall() == [("off",)]
