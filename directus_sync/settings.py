"""The settings, read once from the environment and `.env`; no other module looks there.

Directus's own names are used wherever Directus has one, so that one environment serves both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote, urlsplit

from directus_sync import hiding
from directus_sync.errors import WrongSettings

ROOT: Final = Path(__file__).resolve().parent.parent

# Tables in `public` that Alembic owns. Directus must not see them, and no snapshot may name them.
ALEMBIC_TABLES: Final = ("positions", "last_positions", "recompute_requests", "spatial_ref_sys")

# A week: longer waits overflow the clocks of libraries.
MOST_SECONDS: Final = 7 * 24 * 3600

_AGE_DIGITS: Final = 5

# In a connection string of keys and values, where a quoted value may have anything in it.
_PASSWORD: Final = re.compile(r"\bpassword\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))")

# Passwords that everybody tries first: hiding these words would only garble messages.
_NO_SECRETS: Final = frozenset({"", "admin", "directus", "password", "postgres"})


@dataclass(frozen=True)
class Setting:
    """One variable. default: as the documentation shows it; secret: its value is hidden in all output."""

    name: str
    meaning: str
    default: str = ""
    secret: bool = False


# The documentation's table is generated from these. Some are only read by Directus, in the same environment.
SETTINGS: Final = (
    Setting(
        "DB_HOST",
        "PostgreSQL's host. `make` then uses that database instead of the local stack",
        "the local stack",
    ),
    Setting("DB_PORT", "PostgreSQL's port", "5432"),
    Setting("DB_DATABASE", "the database's name. Required with `DB_HOST`"),
    Setting("DB_USER", "the user. Required with `DB_HOST`. It must be allowed to create schemas and extensions"),
    Setting("DB_PASSWORD", "the user's password", "none", secret=True),
    Setting("DB_SSL", "`true`: encrypted connections only", "false"),
    Setting(
        "DB_SSL__CA",
        "certificate of the authority that signed PostgreSQL's, as PEM text. The tool then also compares the name of "
        "the host, and accepts no other server",
    ),
    Setting("DB_SSL__CERT", "the client's own certificate, as PEM text"),
    Setting("DB_SSL__KEY", "the key of `DB_SSL__CERT`", secret=True),
    Setting("DB_SSL__REJECT_UNAUTHORIZED", "`false`: do not verify the server in spite of `DB_SSL__CA`", "true"),
    Setting("DB_CONNECTION_STRING", "replaces the six settings above: `postgresql://user:password@host:5432/database`"),
    Setting(
        "DIRECTUS_SYNC_DB_HOST",
        "if `DB_HOST` is a connection pooler: the address of PostgreSQL itself, for the tool alone. "
        "`DIRECTUS_SYNC_DB_PORT` and `DIRECTUS_SYNC_DB_CONNECTION_STRING` likewise",
    ),
    Setting("DIRECTUS_SYNC_DB_PORT", "see `DIRECTUS_SYNC_DB_HOST`"),
    Setting("DIRECTUS_SYNC_DB_CONNECTION_STRING", "see `DIRECTUS_SYNC_DB_HOST`", secret=True),
    Setting(
        "DIRECTUS_SYNC_DB_USER",
        "for the tool alone, in place of `DB_USER`: the role that deploys. The program that a boot starts does "
        "not get it, nor `DIRECTUS_SYNC_DB_PASSWORD`, `DIRECTUS_TOKEN`, `ADMIN_TOKEN` and `ADMIN_PASSWORD`",
    ),
    Setting("DIRECTUS_SYNC_DB_PASSWORD", "see `DIRECTUS_SYNC_DB_USER`", secret=True),
    Setting(
        "DB_EXCLUDE_TABLES",
        "tables that Directus must not see. `positions`, `last_positions`, `recompute_requests` and `spatial_ref_sys` "
        "are always added",
        "spatial_ref_sys,sysdiagrams",
    ),
    Setting("DIRECTUS_URL", "a running Directus on the same database. Without it the tool starts a temporary one"),
    Setting(
        "DIRECTUS_HOME",
        "the folder of Directus's `cli.js`, from which the tool starts the temporary one. In Directus's "
        "image: `/directus`. If the folder is writable, compiled code is kept in its `.cache/directus-sync`",
        "the local stack's",
    ),
    Setting(
        "CONFIG_PATH",
        "Directus's own settings file. If it is set, the tool does not read `.env` either. The image sets it",
    ),
    Setting("PUBLIC_URL", "the address of Directus in a browser. Only Directus reads it"),
    Setting("KEY", "Directus's key. Required to bootstrap or start Directus", secret=True),
    Setting("SECRET", "Directus's secret. Required to bootstrap or start Directus", secret=True),
    Setting("ADMIN_EMAIL", "e-mail of the first administrator, who is created at the first deploy"),
    Setting(
        "ADMIN_PASSWORD",
        "password of the first administrator. The tool can log in with e-mail and password",
        secret=True,
    ),
    Setting(
        "PROJECT_NAME",
        "what Directus calls the project in this environment, in place of the name in "
        "`snapshots/resources/settings.yaml`",
        "that of the file",
    ),
    Setting(
        "PROJECT_OWNER",
        "e-mail of who is responsible for this environment. Without it Directus asks every administrator for it. It is "
        "written at the first deploy. Where Directus itself bootstraps, it also tells it to its makers",
    ),
    Setting("ADMIN_TOKEN", "static token of the first administrator. The better way to log in", secret=True),
    Setting("DIRECTUS_TOKEN", "token of another administrator, for the tool alone", "`ADMIN_TOKEN`", secret=True),
    Setting(
        "DIRECTUS_SCHEMA_APPLY_MODE",
        "`auto` judges and applies the changes, `dry-run` changes nothing and exits 3 if anything would "
        "change, `skip` leaves Directus's schema alone",
        "auto",
    ),
    Setting(
        "DIRECTUS_SYNC_ON_DRIFT",
        "if `deploy -- COMMAND` has nothing new to deploy, but Directus has work that nobody captured: "
        "`serve` says so and starts COMMAND, `halt` refuses",
        "serve",
    ),
    Setting(
        "DIRECTUS_SYNC_WORKER",
        "`auto` starts only the part of Directus that the work needs, where that does what all of it does. "
        "`off` always starts a whole Directus",
        "auto",
    ),
    Setting(
        "DIRECTUS_SYNC_UPGRADE_DIRECTUS",
        "the version, such as `12.4.1`, to which a deploy may upgrade Directus's own tables in a database with "
        "another minor or major version. As `--upgrade-directus`",
    ),
    Setting(
        "DIRECTUS_SYNC_ATTIC_RETENTION",
        "how long copies in the attic are kept, such as `90d`, `12h` or `4w`. Each deploy deletes older ones",
        "for ever",
    ),
    Setting("DIRECTUS_SYNC_IMAGE", "name of the image, for the record of deploys"),
    Setting(
        "DIRECTUS_SYNC_COMMIT",
        "git commit of the image, for the record of deploys. The image sets it",
        "of the checkout",
    ),
    Setting(
        "COMPOSE_REDIS_PASSWORD",
        "password of Redis in the Compose file, where replicas need one. Letters and digits only",
        secret=True,
    ),
    Setting("DIRECTUS_SYNC_DB_WAIT", "seconds to wait for PostgreSQL", "60"),
    Setting("DIRECTUS_SYNC_DIRECTUS_WAIT", "seconds to wait for Directus", "60"),
    Setting("DIRECTUS_SYNC_LOCK_WAIT", "seconds to wait for another deploy", "600"),
    Setting("DIRECTUS_SYNC_REQUEST_TIMEOUT", "seconds to wait for one answer of Directus", "120"),
    Setting("DIRECTUS_SYNC_APPLY_TIMEOUT", "seconds to wait while Directus applies a schema", "1800"),
)
# What the tool reads in place of these.
_OF_THE_TOOL: Final = {
    "DB_CONNECTION_STRING": "DIRECTUS_SYNC_DB_CONNECTION_STRING",
    "DB_HOST": "DIRECTUS_SYNC_DB_HOST",
    "DB_PORT": "DIRECTUS_SYNC_DB_PORT",
    "DB_USER": "DIRECTUS_SYNC_DB_USER",
    "DB_PASSWORD": "DIRECTUS_SYNC_DB_PASSWORD",
}
# What only the tool needs: the program that it becomes runs without them.
_DEPLOY_ONLY: Final = frozenset({*_OF_THE_TOOL.values(), "DIRECTUS_TOKEN", "ADMIN_TOKEN", "ADMIN_PASSWORD"})
SECRET_NAMES: Final = tuple(each.name for each in SETTINGS if each.secret)


class Mode(Enum):
    """What deploy and push do with Directus's schema."""

    AUTO = "auto"
    DRY_RUN = "dry-run"
    SKIP = "skip"


@dataclass(frozen=True)
class DatabaseSettings:
    """Where PostgreSQL is, as libpq takes it.

    Either `connection_string` is set (a `postgresql://` URI or a libpq key=value string), or host and the rest.
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
        """Name the database for messages: host, port and database, never user information."""
        if self.connection_string is None:
            return f"{self.host}:{self.port}/{self.name}"
        _, scheme, rest = self.connection_string.partition("://")
        # libpq takes the last @; what stands before it may be a password with any character in it.
        return rest.rpartition("@")[2].partition("?")[0] if scheme else "the database of DB_CONNECTION_STRING"

    @property
    def passwords(self) -> frozenset[str]:
        """Every form in which the password could appear in a message."""
        if self.connection_string is None:
            return frozenset({self.password})
        _, scheme, rest = self.connection_string.partition("://")
        if not scheme:
            values = [quoted or plain for quoted, plain in _PASSWORD.findall(self.connection_string)]
            return frozenset({self.connection_string, *values, *(re.sub(r"\\(.)", r"\1", each) for each in values)})
        user, at, place = rest.rpartition("@")
        found = [user.partition(":")[2]] if at else []
        found += [value for key, _, value in (pair.partition("=") for pair in _query(place)) if key == "password"]
        return frozenset(form for text in found for form in (text, unquote(text), *text.split("/")))


@dataclass(frozen=True)
class Settings:
    """Everything a command needs to know. Durations are in seconds."""

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
        """The approvals that belong to the snapshot."""
        return self.snapshot.with_name("removals.yaml")

    @property
    def catalog(self) -> Path:
        """What the database must contain beyond the snapshot."""
        return self.snapshot.with_name("catalog.yaml")

    @property
    def roles(self) -> Path:
        """The roles of the database, and their rights."""
        return self.snapshot.with_name("roles.yaml")

    @property
    def seeds(self) -> tuple[Path, ...]:
        """The rows that belong to the product, a file for each part, in the order of their names."""
        return tuple(sorted(self.snapshot.with_name("seeds").glob("*.yaml")))

    @property
    def access(self) -> Path:
        """The folder that says who may do what."""
        return self.snapshot.with_name("access")

    @property
    def resources(self) -> Path:
        """The folder that says what the Studio shows."""
        return self.snapshot.with_name("resources")

    @property
    def project_name(self) -> str | None:
        """What the project is called here, in place of what the files say."""
        return self.environ.get("PROJECT_NAME")

    @property
    def project_owner(self) -> str | None:
        """Who is responsible for this environment: an e-mail address."""
        return self.environ.get("PROJECT_OWNER")

    @property
    def extensions(self) -> tuple[Path, ...]:
        """What names the parts of each extension of Directus, in a checkout and in the image."""
        return tuple(sorted((ROOT / "extensions").glob("*/package.json")))

    @property
    def files(self) -> tuple[Path, ...]:
        """All that a deploy reads beside the migrations; only the snapshot must be there."""
        beside = self.catalog, self.removals, self.roles
        return self.snapshot, *self.extensions, *beside, *access_files(self.access), *resource_files(self.resources)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must not be printed, the longest first."""
        given = self.given_secrets | self.database.passwords
        values = hiding.forms(given)
        return tuple(sorted(values - _NO_SECRETS, key=len, reverse=True))

    @property
    def excluded_tables(self) -> str:
        """DB_EXCLUDE_TABLES for a Directus over this database: what is set there, and what Alembic owns."""
        configured = self.environ.get("DB_EXCLUDE_TABLES", "spatial_ref_sys,sysdiagrams")
        names = [name for name in configured.split(",") if name]
        return ",".join(dict.fromkeys([*names, *ALEMBIC_TABLES]))

    def require_credentials(self) -> None:
        """Fail early when no way to log in to Directus is set.

        Raises WrongSettings.
        """
        if self.token is None and (self.email is None or self.password is None):
            raise WrongSettings(
                "there is no way to log in to Directus: no token, and no e-mail with password",
                next="set ADMIN_TOKEN (or DIRECTUS_TOKEN), or ADMIN_EMAIL and ADMIN_PASSWORD",
            )


def _query(place: str) -> list[str]:
    return place.partition("?")[2].split("&")


def access_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of a folder that says who may do what, in the order of their names."""
    return folder / "access.yaml", *sorted((folder / "collections").glob("*.yaml"))


def resource_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of a folder that says what the Studio shows, in the order of their names."""
    return tuple(sorted(folder.glob("**/*.yaml")))


def load(environ: Mapping[str, str] | None = None, env_file: Path = ROOT / ".env") -> Settings:
    """Read the settings from `environ` (default: the process's), and from `env_file` what is not there.

    CONFIG_PATH has Directus read another file than its .env, or none; then this one is not read either.

    Raises WrongSettings when no database is named or a value cannot be read.
    """
    given = os.environ if environ is None else environ
    merged = {**({} if "CONFIG_PATH" in given else _read_env_file(env_file)), **given}
    named = _with_files({name: value for name, value in merged.items() if value != ""})
    values = MappingProxyType(_of_the_tool(named))
    home = values.get("DIRECTUS_HOME")
    retention = values.get("DIRECTUS_SYNC_ATTIC_RETENTION")
    return Settings(
        database=_database(values),
        environ=values,
        given_secrets=_secrets(named),
        directus_url=_url(values.get("DIRECTUS_URL")),
        token=_token(values),
        email=values.get("ADMIN_EMAIL"),
        password=values.get("ADMIN_PASSWORD"),
        directus_home=Path(home) if home else None,
        database_wait=_seconds(values, "DIRECTUS_SYNC_DB_WAIT"),
        directus_wait=_seconds(values, "DIRECTUS_SYNC_DIRECTUS_WAIT"),
        lock_wait=_seconds(values, "DIRECTUS_SYNC_LOCK_WAIT"),
        request_timeout=_seconds(values, "DIRECTUS_SYNC_REQUEST_TIMEOUT"),
        mode=_mode(values),
        serve_on_drift=_one_of(values, "DIRECTUS_SYNC_ON_DRIFT", ("serve", "halt")) == "serve",
        worker=_one_of(values, "DIRECTUS_SYNC_WORKER", ("auto", "off")) == "auto",
        apply_timeout=_seconds(values, "DIRECTUS_SYNC_APPLY_TIMEOUT"),
        upgrade_directus=values.get("DIRECTUS_SYNC_UPGRADE_DIRECTUS"),
        attic_retention=age(retention, "DIRECTUS_SYNC_ATTIC_RETENTION") if retention else None,
        image=values.get("DIRECTUS_SYNC_IMAGE"),
        commit=values.get("DIRECTUS_SYNC_COMMIT"),
    )


def _secrets(values: Mapping[str, str]) -> frozenset[str]:
    """Return the secrets as they were given, also those that the tool's own replace."""
    string = values.get("DB_CONNECTION_STRING")
    passwords = DatabaseSettings(connection_string=string).passwords if string else frozenset()
    named = frozenset(values.get(name, "") for name in SECRET_NAMES)
    return named | passwords | hiding.in_environment({**values, **_contents(values)})


def _contents(values: Mapping[str, str]) -> dict[str, str]:
    """Return what the files hold that only Directus reads, such as EMAIL_SMTP_PASSWORD_FILE's."""
    found = {}
    for name in (name for name in values if name.endswith("_FILE") and hiding.is_secret(name)):
        with suppress(OSError, ValueError):
            if Path(values[name]).is_file():
                found[name.removesuffix("_FILE")] = Path(values[name]).read_text(encoding="utf-8")
    return found


def _with_files(values: dict[str, str]) -> dict[str, str]:
    """Put what the files of NAME_FILE hold in their place, without the line break at the end of a file."""
    for name in (each.name for each in SETTINGS):
        path = values.pop(f"{name}_FILE", None)
        if path is not None and name not in values:
            try:
                values[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, ValueError) as error:
                raise WrongSettings(
                    f"the file that {name}_FILE names cannot be read: {error}", next=f"correct {name}_FILE"
                ) from error
    return values


def serving_environment(uncaptured: int = 0) -> dict[str, str]:
    """Return the process's environment for the program that a boot starts, without what only the tool needs.

    uncaptured: how many items of Directus the boot left alone, for `/trm/health`.
    """
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in _DEPLOY_ONLY}
    return {**kept, "DIRECTUS_SYNC_UNCAPTURED": str(uncaptured)}


def _of_the_tool(values: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with DIRECTUS_SYNC_DB_* in the place of DB_*."""
    given = {name: values[own] for name, own in _OF_THE_TOOL.items() if own in values}
    if "DB_CONNECTION_STRING" in values and given.keys() == given.keys() & {"DB_USER", "DB_PASSWORD"} != set():
        raise WrongSettings(
            "DIRECTUS_SYNC_DB_USER and DIRECTUS_SYNC_DB_PASSWORD have no effect beside DB_CONNECTION_STRING",
            next="set DIRECTUS_SYNC_DB_CONNECTION_STRING, with the role that deploys",
        )
    replaced = {"DB_CONNECTION_STRING"} if given.keys() & {"DB_HOST", "DB_PORT"} else set()
    return {name: value for name, value in values.items() if name not in replaced} | given


def _read_env_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415 - a container has no .env and need not pay for reading one

    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _database(values: Mapping[str, str]) -> DatabaseSettings:
    string = values.get("DB_CONNECTION_STRING")
    if string:
        return DatabaseSettings(connection_string=string)
    if "DB_HOST" not in values:
        raise WrongSettings(
            "no database is named: neither DB_HOST nor DB_CONNECTION_STRING is set",
            next="set DB_HOST, DB_PORT, DB_DATABASE, DB_USER and DB_PASSWORD, in the environment or in .env,\n"
            'or use the local stack: make migrate, then eval "$(make -s env)"',
        )
    missing = [name for name in ("DB_DATABASE", "DB_USER") if name not in values]
    if missing:
        raise WrongSettings(f"DB_HOST is set, but not {' and '.join(missing)}", next=f"set {' and '.join(missing)}")
    port = values.get("DB_PORT", "5432")
    if not port.isascii() or not port.isdecimal() or len(port) > len("65535") or not 0 < int(port) < 65536:
        raise WrongSettings(
            f"DB_PORT is {port[:20]!r}, which is not a port", next="set DB_PORT to a number, such as 5432"
        )
    return DatabaseSettings(
        host=values["DB_HOST"],
        port=int(port),
        name=values["DB_DATABASE"],
        user=values["DB_USER"],
        password=values.get("DB_PASSWORD", ""),
        sslmode=_sslmode(values),
        ca=values.get("DB_SSL__CA"),
        certificate=values.get("DB_SSL__CERT"),
        key=values.get("DB_SSL__KEY"),
    )


def _sslmode(values: Mapping[str, str]) -> str | None:
    if "DB_SSL__CA" in values and values.get("DB_SSL__REJECT_UNAUTHORIZED", "true").lower() in {"true", "1"}:
        return "verify-full"
    asked = values.get("DB_SSL", "").lower() in {"true", "1"} or {"DB_SSL__CA", "DB_SSL__CERT"} & values.keys()
    return "require" if asked else None


def _token(values: Mapping[str, str]) -> str | None:
    name = next((name for name in ("DIRECTUS_TOKEN", "ADMIN_TOKEN") if name in values), None)
    if name is None:
        return None
    token = values[name]
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise WrongSettings(
            f"{name} holds a character that no token has, such as a line break or a space",
            next="set it to the token alone; a secret that is mounted as a file often ends in a line break",
        )
    return token


def _mode(values: Mapping[str, str]) -> Mode:
    return Mode(_one_of(values, "DIRECTUS_SCHEMA_APPLY_MODE", [mode.value for mode in Mode]))


def _one_of(values: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    text = values.get(name, choices[0])
    if text not in choices:
        raise WrongSettings(f"{name} is {text!r}, which is unknown", next=f"set it to one of {', '.join(choices)}")
    return text


def _url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise WrongSettings(
            "DIRECTUS_URL is not a full URL",
            next="write it with its scheme, such as http://127.0.0.1:8055",
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise WrongSettings(
            "DIRECTUS_URL contains a user name or password, a query or a fragment",
            next="take them out; log in with DIRECTUS_TOKEN, or with ADMIN_EMAIL and ADMIN_PASSWORD",
        )
    return value.rstrip("/")


def age(text: str, where: str) -> timedelta:
    """Read a time span such as 90d, 12h or 4w. where: what it was given to. Raises WrongSettings."""
    units = {"h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or len(number) > _AGE_DIGITS or unit not in units:
        raise WrongSettings(f"{text[:20]!r} is not an age", where=where, next="write it as 90d, 12h or 4w")
    return timedelta(**{units[unit]: int(number)})


def _seconds(values: Mapping[str, str], name: str) -> float:
    text = values.get(name) or next(each.default for each in SETTINGS if each.name == name)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_SECONDS:
        raise WrongSettings(f"{name} is {text!r}, which is not a number of seconds", next=f"set {name} to, say, 60")
    return seconds


def wants_colour() -> bool:
    """Tell whether a terminal may be written to in colour: https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def make_target() -> str | None:
    """Return the target of `make` that started this command, so that hints can be ones that its user can run."""
    return os.environ.get("DIRECTUS_SYNC_MAKE") or None
