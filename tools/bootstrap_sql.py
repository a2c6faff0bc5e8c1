"""Dumps the tables that a real bootstrap of Directus creates as one SQL file: make bootstrap-sql.

Values that differ between two bootstraps become parameters: ids, times, and the first administrator's e-mail, password
and token. `directus_sync/directus/bootstrap.py` fills the parameters in.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import Final

from directus_sync import settings
from directus_sync.directus import bootstrap, installation
from directus_sync.postgres import database
from directus_sync.resources.access_kinds import PUBLIC_ID
from directus_sync.settings import ROOT
from tools.devstack.stack import Stack

DATABASE: Final = "bootstrap_sql"
SENTINELS: Final = {
    "email": "sentinel@example.com",
    "password": "sentinel-password",
    "token": "sentinel-token-of-32-characters-x",
}
_NOISE: Final = re.compile(
    r"(?m)^(?:--.*|SET .*;|SELECT pg_catalog\.set_config.*;|(?:CREATE|ALTER|COMMENT ON) SCHEMA .*;|\\.*|)\n"
)
_UUID: Final = re.compile(r"'([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'")
_TIME: Final = re.compile(r"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*\+00'")


def main() -> None:
    """Bootstrap an empty database in the test stack, and write the file."""
    stack = Stack(ROOT, "test")
    stack.up_database()
    administrator = {f"ADMIN_{name.upper()}": value for name, value in SENTINELS.items()}
    environ = {**os.environ, **stack.environment(), **administrator, "DB_DATABASE": DATABASE, "DIRECTUS_URL": ""}
    with database.connect(settings.load({**environ, "DB_DATABASE": "postgres"}), "bootstrap-sql") as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
        major = connection.server_version // 10000
    loaded = settings.load(environ)
    bootstrap.bootstrap(loaded)
    with database.connect(loaded, "bootstrap-sql") as connection:
        ids = {str(database.query(connection, sql)[0][0]): name for name, sql in bootstrap.IDS.items()}
    version = installation.version(loaded)
    path = bootstrap.prepared_file(version)
    path.write_text(
        f"-- Directus {version}'s own tables, as its bootstrap makes them. Written by `make bootstrap-sql`, from\n"
        f"{bootstrap.MADE_ON}{major}\n{_parameters(_dump(environ), ids)}",
        encoding="utf-8",
    )
    print(f"Wrote {path.relative_to(ROOT)}")  # noqa: T201 - a tool's result


def _dump(environ: dict[str, str]) -> str:
    command = ["pg_dump", "--schema=public", "--inserts", "--rows-per-insert=500", "--no-owner", "--no-privileges"]
    environ = {
        **environ,
        "PGHOST": environ["DB_HOST"],
        "PGPORT": environ["DB_PORT"],
        "PGUSER": environ["DB_USER"],
        "PGPASSWORD": environ["DB_PASSWORD"],
    }
    done = subprocess.run([*command, DATABASE], env=environ, capture_output=True, text=True, check=True)
    return _NOISE.sub("", done.stdout)


def _parameters(text: str, ids: dict[str, str]) -> str:
    """Replace the values that differ with parameters. Raises LookupError for an id that has no name."""
    text = text.replace("%", "%%")
    for name, value in SENTINELS.items():
        text = text.replace(f"'{value}'", f"%({name})s")
    text = re.sub(r"'\$argon2[^']*'", "%(password)s", text)
    text = _TIME.sub("now()", text)
    return _UUID.sub(lambda found: found[0] if found[1] == PUBLIC_ID else f"%({ids[found[1]]})s", text)


if __name__ == "__main__":
    main()
