"""The settings as values, and values derived from them: paths of files, secrets. Reads no environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from directus_sync.errors import WrongSettings
from directus_sync.project import ALEMBIC_TABLES
from directus_sync.settings import hiding

ROOT: Final = Path(__file__).resolve().parents[2]

# The password in a key=value connection string. A quoted value may contain any character.
_PASSWORD: Final = re.compile(r"\bpassword\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))")

# Well-known passwords. Hiding these words would only garble messages.
_NO_SECRETS: Final = frozenset({"", "admin", "directus", "password", "postgres"})


class Mode(Enum):
    """How deploy and push treat Directus's schema."""

    AUTO = "auto"
    DRY_RUN = "dry-run"
    SKIP = "skip"


@dataclass(frozen=True)
class DatabaseSettings:
    """How to connect to PostgreSQL, in libpq's terms.

    Either `connection_string` is set (a `postgresql://` URI or a libpq key=value string), or `host` and the rest.
    """

    connection_string: str | None = field(default=None, repr=False)
    host: str = ""
    port: int = 5432
    name: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    sslmode: str | None = None
    ca: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """The database's name for messages: host, port and database, never user or password."""
        if self.connection_string is None:
            return f"{self.host}:{self.port}/{self.name}"
        _, scheme, rest = self.connection_string.partition("://")
        # An unencoded password may contain any character, even @. After a ? the last @ may belong to a parameter.
        before, _, place = rest.rpartition("@")
        return place.partition("?")[0] if scheme and "?" not in before else "the database of DB_CONNECTION_STRING"

    @property
    def passwords(self) -> frozenset[str]:
        """Every form in which the password could appear in a message."""
        if self.connection_string is None:
            return frozenset({self.password})
        _, scheme, rest = self.connection_string.partition("://")
        if not scheme:
            values = [quoted or plain for quoted, plain in _PASSWORD.findall(self.connection_string)]
            return frozenset({self.connection_string, *values, *(re.sub(r"\\(.)", r"\1", each) for each in values)})
        found = [rest.rpartition("@")[0].partition(":")[2], *re.findall(r"[?&]password=([^&]*)", rest)]
        return frozenset(form for text in found for form in (text, unquote(text), *text.split("/")))


@dataclass(frozen=True)
class Settings:
    """All settings of a command. Durations are in seconds."""

    database: DatabaseSettings
    environ: Mapping[str, str] = field(repr=False)
    given_secrets: frozenset[str] = field(default=frozenset(), repr=False)
    directus_url: str | None = None
    token: str | None = field(default=None, repr=False)
    email: str | None = None
    password: str | None = field(default=None, repr=False)
    directus_home: Path | None = None
    database_wait: float = 60.0
    directus_wait: float = 60.0
    lock_wait: float = 600.0
    request_timeout: float = 120.0
    apply_timeout: float = 1800.0
    mode: Mode = Mode.AUTO
    serve_on_drift: bool = True
    worker: bool = True
    upgrade_directus: str | None = None
    attic_retention: timedelta | None = None
    image: str | None = None
    commit: str | None = None
    snapshot: Path = ROOT / "snapshots" / "schema.yaml"

    @property
    def removals(self) -> Path:
        """The file of approved removals."""
        return self.snapshot.with_name("removals.yaml")

    @property
    def catalog(self) -> Path:
        """The file of the objects that the database must have besides the snapshot."""
        return self.snapshot.with_name("catalog.yaml")

    @property
    def roles(self) -> Path:
        """The file of the database's roles and their rights."""
        return self.snapshot.with_name("roles.yaml")

    @property
    def seeds(self) -> tuple[Path, ...]:
        """The files of the rows that belong to the product, in the order of their names."""
        return _listed(self.snapshot.with_name("seeds"))

    @property
    def access(self) -> Path:
        """The folder of roles, policies and permissions."""
        return self.snapshot.with_name("access")

    @property
    def resources(self) -> Path:
        """The folder of what the Studio shows: dashboards, flows, translations, settings and others."""
        return self.snapshot.with_name("resources")

    @property
    def project_name(self) -> str | None:
        """The project's name in this environment. It overrides the name in the files."""
        return self.environ.get("PROJECT_NAME")

    @property
    def project_owner(self) -> str | None:
        """The e-mail address of the person who is responsible for this environment."""
        return self.environ.get("PROJECT_OWNER")

    @property
    def extensions(self) -> tuple[Path, ...]:
        """The package.json of each extension of Directus in this project."""
        return tuple(sorted((ROOT / "extensions").glob("*/package.json")))

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that a deploy reads besides the migrations. Only the snapshot must exist."""
        beside = self.catalog, self.removals, self.roles
        return self.snapshot, *self.extensions, *beside, *access_files(self.access), *resource_files(self.resources)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must not be printed, the longest first."""
        values = hiding.forms(self.given_secrets | self.database.passwords)
        return tuple(sorted(values - _NO_SECRETS, key=len, reverse=True))

    @property
    def excluded_tables(self) -> str:
        """DB_EXCLUDE_TABLES for Directus: the tables of the setting, and Alembic's own."""
        configured = self.environ.get("DB_EXCLUDE_TABLES", "spatial_ref_sys,sysdiagrams")
        names = [name for name in configured.split(",") if name]
        return ",".join(dict.fromkeys([*names, *ALEMBIC_TABLES]))

    def require_credentials(self) -> None:
        """Raise WrongSettings if neither a token nor e-mail and password are set."""
        if self.token is None and (self.email is None or self.password is None):
            raise WrongSettings(
                "there is no way to log in to Directus: no token, and no e-mail with password",
                next="set ADMIN_TOKEN (or DIRECTUS_TOKEN), or ADMIN_EMAIL and ADMIN_PASSWORD",
            )


def access_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of the folder `access`, in the order of their names."""
    return folder / "access.yaml", *_listed(folder / "collections")


def resource_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of the folder `resources`, in the order of their names."""
    return _listed(folder, below=True)


def is_there(path: Path) -> bool:
    """Return whether the file or folder exists. Raises WrongSettings if it cannot be determined."""
    try:
        path.stat()
    except OSError as error:
        _unlisted(error)
        return False
    return True


def _listed(folder: Path, *, below: bool = False) -> tuple[Path, ...]:
    """Return the YAML files of a folder; empty if it does not exist. below: also those of the folders in it.

    Raises WrongSettings if a folder cannot be read: Path.glob would return no files, and a push would then remove the
    items in them.
    """
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_unlisted):
        found += (Path(parent, name) for name in names if name.endswith(".yaml"))
        if not below:
            folders.clear()
    return tuple(sorted(found))


def _unlisted(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise WrongSettings(
            f"the folder cannot be read: {error.strerror}",
            where=str(error.filename),
            next="give the user of this command the right to read it, then run again",
        ) from error
