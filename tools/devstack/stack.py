"""One instance of the local stack. Owns the order of steps, and the lock that is held during each change."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from directus_sync.project import ALEMBIC_TABLES
from tools.devstack import directus, directus_home, environment, extension, ports, postgres_tree
from tools.devstack.database import NAME, USER, Database
from tools.devstack.directus import Directus
from tools.devstack.errors import StackError
from tools.devstack.locks import exclusive
from tools.devstack.node import node
from tools.devstack.process import Process
from tools.devstack.progress import step
from tools.devstack.state import ADMIN_EMAIL, DIRECTUS, POSTGRES, State

INSTANCES = ("dev", "test")


@dataclass(frozen=True)
class Server:
    """The state of one server. pid and address are None unless it runs and answers."""

    log: str
    pid: int | None
    address: str | None
    running: bool


class Stack:
    """PostgreSQL and Directus of `root`'s instance `dev` or `test`; safe to use from several processes."""

    def __init__(self, root: Path, instance: str = "dev") -> None:
        self.root = root.resolve()
        self.instance = instance
        self.state = State(self.root, instance)
        self.database = Database(self.state, throwaway=instance == "test")
        preferred = directus.PREFERRED_PORT if instance == "dev" else None
        self.directus = Directus(self.state, preferred_port=preferred)

    def up_database(self) -> None:
        """Start PostgreSQL and create its database, if needed. Builds and initialises what is missing."""
        tree = postgres_tree.postgres_tree()
        with self._locked():
            self.database.up(tree)

    def up_directus(self) -> None:
        """Start PostgreSQL and Directus, if needed. Raises StackError if the database was never migrated."""
        home = directus_home.directus_home(self.root)
        tree = postgres_tree.postgres_tree()
        extension.built(self.root)
        with self._locked():
            self.database.up(tree)
            if not self.database.query(tree, "select to_regclass('public.directus_users')"):
                raise StackError("this database has not been set up for Directus yet", "make migrate")
            if extension.link(Path(directus.folders(self.state)["EXTENSIONS_PATH"]), self.root):
                self.directus.down()  # a running Directus has loaded another build
            self.directus.up(home, self.environment())

    def down(self) -> bool:
        """Stop the servers; return False if none was running."""
        if not self.state.folder.is_dir():
            return False
        with self._locked():
            # A list, because `any` of a generator would skip the database after Directus was stopped.
            return any([self.directus.down(), self.database.down()])

    def reset(self) -> None:
        """Stop the servers and delete the instance's data, secrets and logs."""
        self.down()
        if self.state.folder.is_dir():
            with self._locked(), step(f"Deleting {self.state.folder}"):
                shutil.rmtree(self.state.folder)

    def status(self) -> dict[str, Server]:
        """Return the state of each server, without secrets. Starts nothing."""
        address = f"{ports.HOST}:{self.state.port(POSTGRES)}"
        return {
            POSTGRES: _seen(self.database.log, self.database.running(), address),
            DIRECTUS: _seen(self.directus.log, self.directus.running(), self.directus.url),
        }

    @property
    def address(self) -> dict[str, str]:
        """Return the settings that name the stack's database; the port is empty if it never ran."""
        return {"DB_HOST": ports.HOST, "DB_PORT": str(self.state.port(POSTGRES) or ""), "DB_DATABASE": NAME}

    def is_named_by(self, environ: Mapping[str, str]) -> bool:
        """Return whether these variables name the stack's database, as those of `environment` do."""
        here = self.state.exists and all(environ.get(name) == value for name, value in self.address.items())
        return here and environ.get("DB_PASSWORD") == self.state.secrets()["DB_PASSWORD"]

    def environment(self) -> dict[str, str]:
        """Return the settings for Directus and for this project's tools. They include secrets: never log them."""
        tree = postgres_tree.artefact().path
        home = directus_home.inside(directus_home.artefact(self.root).path)
        secrets = self.state.secrets()
        settings = {
            "DB_CLIENT": "pg",
            **self.address,
            "DB_USER": USER,
            **secrets,
            "DB_EXCLUDE_TABLES": ",".join(("sysdiagrams", *ALEMBIC_TABLES)),
            "ADMIN_EMAIL": ADMIN_EMAIL,
            # Not in tests: some run Directus's own bootstrap, which reports the owner to Directus's makers.
            **({"PROJECT_OWNER": ADMIN_EMAIL} if self.instance == "dev" else {}),
            "PUBLIC_URL": self.directus.url,
            "TELEMETRY": "false",
            **directus.folders(self.state),
            "DIRECTUS_HOME": str(home),
            # Without it Directus looks for a package.json in its working directory, and fails to start.
            "PACKAGE_FILE_LOCATION": str(home),
            "EXTENSIONS_MUST_LOAD": "true",
            "PATH": environment.search_path(node().parent, postgres_tree.programs(tree), Path(sys.executable).parent),
        }
        return settings | ({"DIRECTUS_URL": self.directus.url} if self.directus.running() else {})

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.state.create()
        with exclusive(self.state.lock, f"Waiting for another command on the {self.instance} stack"):
            # A reset may have deleted the folder while this process waited.
            self.state.create()
            yield


def _seen(log: Path, process: Process | None, address: str) -> Server:
    if process is None:
        return Server(str(log), None, None, running=False)
    return Server(str(log), process.pid, address, running=True)
