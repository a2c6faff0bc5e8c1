"""Bad input: exit code 2 or 4, a message that names the place and the next step, and no change anywhere."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from directus_sync.postgres.lock import LOCK_KEY
from tests.conftest import ROOT, Copying, Database, Finished, Serving, Tool
from tests.snapshots import edited, set_property
from tools.devstack import ports, postgres_tree, unprivileged


@pytest.fixture(scope="module")
def untouched(copied: Copying) -> Iterator[Tool]:
    """The tool on a bootstrapped database, on which every command must be refused."""
    with copied("bootstrapped") as database:
        before = database.contents()
        yield Tool(database)
        assert database.contents() == before


def test_deploy_refuses_a_snapshot_of_another_directus_version(untouched: Tool, snapshot_file: Path) -> None:
    """tests/unit covers the other faults of a file."""
    other = snapshot_file.read_bytes().replace(b"directus: 11.17.4", b"directus: 11.17.3", 1)
    snapshot_file.write_bytes(other)
    complaint = "the snapshot is from Directus 11.17.3, but this Directus is 11.17.4"
    _assert_refused(untouched("deploy", "--snapshot", snapshot_file), 4, complaint, f"  where: {snapshot_file}:2\n")


@pytest.mark.parametrize("waits_for", ["a private Directus", "the lock", "a Directus"])
def test_push_refuses_an_invalid_snapshot_before_it_waits(untouched: Tool, snapshot_file: Path, waits_for: str) -> None:
    snapshot_file.write_bytes(b"- version: 1\n")
    tool = untouched.with_settings(DIRECTUS_URL="http://127.0.0.1:1" if waits_for == "a Directus" else "")
    with untouched.database.connect() as connection:
        if waits_for == "the lock":
            connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        refused = tool("push", "--snapshot", snapshot_file)
    assert (refused.code, "a list, not a mapping" in refused.err) == (4, True), refused.text
    assert "Started" not in refused.err


def test_deploy_refuses_a_snapshot_path_that_is_missing_or_a_folder(untouched: Tool, tmp_path: Path) -> None:
    _assert_refused(untouched("deploy", "--snapshot", tmp_path / "none.yaml"), 2, "none.yaml", "directus-sync pull")
    _assert_refused(untouched("deploy", "--snapshot", tmp_path), 2, "the file can't be read", str(tmp_path))


def test_deploy_refuses_an_invalid_removals_file(untouched: Tool, snapshot_file: Path) -> None:
    approvals = snapshot_file.with_name("removals.yaml")
    approvals.write_text("- item: vehicles.plate", encoding="utf-8")
    _assert_refused(untouched("deploy", "--snapshot", snapshot_file), 2, "error[invalid-removals]", str(approvals))


DATABASES = {
    "a wrong password": ({"DB_PASSWORD": "not-the-password"}, "password authentication failed", "check DB_USER"),
    "a missing database": ({"DB_DATABASE": "no_such_database"}, "does not exist", "check DB_DATABASE"),
    "no server": ({"DB_PORT": "1", "DIRECTUS_SYNC_DB_WAIT": "0.3"}, "Connection refused", "check DB_HOST and DB_PORT"),
    "an unknown host": (
        {"DB_HOST": "no-such-host.invalid", "DIRECTUS_SYNC_DB_WAIT": "0.3"},
        "no-such-host.invalid",
        "check DB_HOST",
    ),
    "no database setting": ({"DB_HOST": ""}, "no database is named", "make migrate"),
    "an invalid port": ({"DB_PORT": "fivefourthreetwo"}, "DB_PORT is 'fivefourthreetwo'", "such as 5432"),
    "an invalid connection string": (
        {"DB_CONNECTION_STRING": "host=127.0.0.1 a-password-with-a-space after"},
        "cannot read the connection string",
        "postgresql://user:password@host:port/database",
    ),
    "no way to log in": (
        {"ADMIN_TOKEN": "", "ADMIN_PASSWORD": "", "DIRECTUS_URL": "http://127.0.0.1:1"},
        "no way to log in",
        "ADMIN_TOKEN",
    ),
    "no Directus at all": ({"DIRECTUS_HOME": ""}, "there is no Directus to work with", "DIRECTUS_HOME"),
    "a DIRECTUS_HOME without Directus": ({"DIRECTUS_HOME": "/usr"}, "holds no Directus", "cli.js"),
    "no Directus at the URL": (
        {"DIRECTUS_URL": "http://127.0.0.1:1", "DIRECTUS_SYNC_DIRECTUS_WAIT": "0.3"},
        "no Directus answered within 0.3 s",
        "check DIRECTUS_URL",
    ),
    "an invalid URL": ({"DIRECTUS_URL": "localhost:8055"}, "not a full URL", "http://127.0.0.1:8055"),
    "an invalid waiting time": ({"DIRECTUS_SYNC_LOCK_WAIT": "soon"}, "DIRECTUS_SYNC_LOCK_WAIT", "set"),
}


@pytest.mark.parametrize("case", DATABASES)
def test_deploy_refuses_settings_that_do_not_work(untouched: Tool, case: str) -> None:
    overrides, complaint, advice = DATABASES[case]
    refused = untouched.with_settings(**overrides)("deploy")
    _assert_refused(refused, 2, complaint, advice)
    assert "a-password-with-a-space" not in refused.text


def test_an_unknown_or_weak_token_is_refused(serve: Serving, snapshot_file: Path) -> None:
    weak = "a-token-of-an-ordinary-user"
    files = snapshot_file.read_bytes()
    with serve("deployed") as running:
        assert running.http.post("/users", json={"email": "viewer@example.com", "token": weak}).status_code == 200
        before = running.database.contents()
        for token, complaint, advice in (
            ("a-token-that-nobody-has", "does not accept the token", "check DIRECTUS_TOKEN"),
            (weak, "not an administrator's", "admin access"),
        ):
            tool = running.tool.with_settings(DIRECTUS_TOKEN=token)
            for command in (["deploy"], ["pull", "--snapshot", snapshot_file]):
                _assert_refused(tool(*command), 2, complaint, advice)
        assert running.database.contents() == before
    assert [path.name for path in snapshot_file.parent.iterdir()] == ["schema.yaml"]
    assert snapshot_file.read_bytes() == files


def test_pull_refuses_a_directus_without_collections(serve: Serving, snapshot_file: Path) -> None:
    with serve("bootstrapped") as running:
        files = snapshot_file.read_bytes(), running.database.contents()
        for options in ((), ("--overwrite",)):
            refused = running.tool("pull", "--snapshot", snapshot_file, *options)
            _assert_refused(refused, 4, "this Directus has no collections", "directus-sync push")
            assert (snapshot_file.read_bytes(), running.database.contents()) == files


@pytest.mark.parametrize(
    ("branch", "commands"), [("pre", ("deploy", "push", "pull", "adopt", "check")), ("post", ("deploy", "push"))]
)
def test_commands_refuse_a_database_ahead_of_this_checkout(
    deployed: Tool, snapshot_file: Path, branch: str, commands: tuple[str, ...]
) -> None:
    deployed.database.execute(
        f"UPDATE directus_sync.alembic_version SET version_num = '{branch}_9999' WHERE version_num LIKE '{branch}%'"
    )
    # Give push something to do, to show that it does nothing.
    edited(snapshot_file, set_property("fields", "meta.note", "Registration", collection="vehicles", field="plate"))
    before = deployed.database.contents()
    for command in commands:
        refused = deployed(command, "--snapshot", snapshot_file)
        _assert_refused(refused, 4, f"ahead of this checkout: it has revision {branch}_9999", "newer one")
        assert "error[database-ahead]" in refused.err
    by_alembic = deployed.alembic("upgrade", "post@head")
    assert by_alembic.code != 0
    assert "ahead of this checkout" in by_alembic.err
    assert deployed.database.contents() == before


def test_push_refuses_an_unreadable_plan_before_it_connects(untouched: Tool, tmp_path: Path) -> None:
    missing = tmp_path / "plan.json"
    refused = untouched.with_settings(DB_PORT="1")("push", "--plan", missing)
    _assert_refused(refused, 2, str(missing), "save it again: directus-sync diff --out PATH")


def test_diff_refuses_a_plan_path_that_cannot_be_written(settled: Tool, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    refused = settled("diff", "--out", tmp_path / "file" / "plan.json")
    _assert_refused(refused, 2, str(tmp_path / "file" / "plan.json"), "folder that you may write to")


def test_commands_refuse_a_database_without_directus(empty: Tool, snapshot_file: Path) -> None:
    """Directus itself takes seconds to report only that it is not installed."""
    before, content = empty.database.contents(), snapshot_file.read_bytes()
    for arguments in (("push",), ("pull", "--overwrite"), ("diff",), ("adopt",), ("prune",)):
        refused = empty(*arguments, "--snapshot", snapshot_file)
        advice = "directus-sync deploy; in the local stack: make migrate"
        _assert_refused(refused, 2, f"/{empty.database.name}", advice)
    assert (empty.database.contents(), snapshot_file.read_bytes()) == (before, content)


LACKING = {
    "timescaledb": "TimescaleDB is not installed on the database server",
    "postgis": "PostGIS is not installed on the database server",
    "nothing": "TimescaleDB is installed on the database server, but not preloaded",
}


@pytest.mark.parametrize("extension", ["timescaledb", pytest.param("postgis", marks=pytest.mark.slow), "nothing"])
def test_deploy_names_an_extension_that_the_server_lacks(
    plain_data: Path, stack_environ: dict[str, str], extension: str
) -> None:
    with _plain_postgres(stack_environ, plain_data, extension) as tool:
        for refused, code in ((tool("deploy"), 2), (tool.alembic("upgrade", "pre@head"), 255)):
            assert refused.code == code, refused.text
            assert "error[extension-unavailable]" in refused.err
            assert LACKING[extension] in refused.err
        assert tool.database.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'directus_sync'") == 0


def test_deploy_reports_a_revision_that_fails_in_postgresql(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0004").code == 0
    empty.database.execute(
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'no tables today'; END$$;"
        "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse()"
    )
    before = empty.database.contents()
    pending = [file for file in (ROOT / "migrations/versions/pre").glob("pre_*.py") if file.name > "pre_0005"]
    failed = empty("deploy")
    assert failed.code == 1, failed.text
    assert "error[migration-failed]: pre_0005_create_attic failed: no tables today" in failed.err
    assert f"after 0 of {len(pending)} revisions" in failed.err
    assert empty.database.contents() == before
    empty.database.execute("DROP EVENT TRIGGER refuse")
    assert empty.alembic("upgrade", "pre@head").code == 0


def _assert_refused(refused: Finished, code: int, complaint: str, advice: str) -> None:
    assert refused.code == code, refused.text
    assert complaint in refused.err
    assert advice in refused.err
    assert "Traceback" not in refused.text


@pytest.fixture(scope="module")
def plain_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a PostgreSQL, in a folder that its user owns."""
    programs = postgres_tree.programs(postgres_tree.postgres_tree())
    (home := tmp_path_factory.mktemp("plain") / "postgres").mkdir()
    as_user = unprivileged.prefix(programs / "postgres", home)
    options = ["--no-sync", "-U", "directus", "--auth=trust", "--locale=C"]
    subprocess.run(
        [*as_user, programs / "initdb", "-D", home / "data", *options], cwd="/", check=True, capture_output=True
    )
    return home / "data"


@contextmanager
def _plain_postgres(environ: Mapping[str, str], data: Path, lacking: str) -> Iterator[Tool]:
    """Run a PostgreSQL that does not preload TimescaleDB and does not have the files of the extension `lacking`."""
    tree = postgres_tree.postgres_tree()
    as_user = unprivileged.prefix(postgres_tree.programs(tree) / "postgres", data.parent)
    postgres = _without_extension(lacking, tree, data.parent.parent / lacking)
    port = ports.choose(None)
    settings = {"port": port, "listen_addresses": ports.HOST, "unix_socket_directories": "", "fsync": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    server = subprocess.Popen([*as_user, postgres, "-D", data, *options], cwd="/", stderr=subprocess.DEVNULL)
    try:
        local = {**environ, "DB_HOST": ports.HOST, "DB_PORT": str(port), "DB_USER": "directus"}
        tool = Tool(Database("postgres", local))
        assert tool("wait").code == 0
        yield tool
    finally:
        server.terminate()
        server.wait(30)


def _without_extension(name: str, tree: Path, copy: Path) -> Path:
    """Link a PostgreSQL without one extension. The program itself is copied: it looks for its files beside itself."""
    programs = postgres_tree.programs(tree)
    library, share = (path.relative_to(tree) for path in (programs.parent, tree / "usr/share/postgresql/17"))
    (copy / library / "bin").mkdir(parents=True)
    (copy / share / "extension").mkdir(parents=True)
    (copy / library / "lib").symlink_to(tree / library / "lib")
    for source in (tree / share).iterdir():
        if source.name != "extension":
            (copy / share / source.name).symlink_to(source)
    for source in (tree / share / "extension").iterdir():
        if not source.name.startswith((f"{name}.", f"{name}-")):
            (copy / share / "extension" / source.name).symlink_to(source)
    postgres = copy / library / "bin" / "postgres"
    postgres.write_bytes((programs / "postgres").read_bytes())
    postgres.chmod(0o755)
    return postgres
