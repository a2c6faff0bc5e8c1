"""Reads the settings once from the environment and `.env`. No other module reads those."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from directus_sync.errors import WrongSettings
from directus_sync.settings import hiding
from directus_sync.settings.model import ROOT, DatabaseSettings, Mode, Settings
from directus_sync.settings.table import SECRET_NAMES, SETTINGS
from directus_sync.text.wording import shown

# A week. Longer waits overflow the clocks of libraries.
MOST_SECONDS: Final = 7 * 24 * 3600

_AGE_DIGITS: Final = 5

# The settings by which the tool replaces Directus's ones for itself.
_OF_THE_TOOL: Final = {
    "DB_CONNECTION_STRING": "DIRECTUS_SYNC_DB_CONNECTION_STRING",
    "DB_HOST": "DIRECTUS_SYNC_DB_HOST",
    "DB_PORT": "DIRECTUS_SYNC_DB_PORT",
    "DB_USER": "DIRECTUS_SYNC_DB_USER",
    "DB_PASSWORD": "DIRECTUS_SYNC_DB_PASSWORD",
}
# Settings that only the tool needs. The program that it starts after a deploy does not get them.
_DEPLOY_ONLY: Final = frozenset({*_OF_THE_TOOL.values(), "DIRECTUS_TOKEN", "ADMIN_TOKEN", "ADMIN_PASSWORD"})


def load(environ: Mapping[str, str] | None = None, env_file: Path = ROOT / ".env") -> Settings:
    """Read the settings from `environ` (default: the process's environment), then missing ones from `env_file`.

    If CONFIG_PATH is set, Directus does not read its .env. Then `env_file` is not read either.

    Raises WrongSettings if no database is named or a value is invalid.
    """
    given = os.environ if environ is None else environ
    merged = {**({} if "CONFIG_PATH" in given else read_env_file(env_file)), **given}
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
        mode=Mode(_one_of(values, "DIRECTUS_SCHEMA_APPLY_MODE", [mode.value for mode in Mode])),
        serve_on_drift=_one_of(values, "DIRECTUS_SYNC_ON_DRIFT", ("serve", "halt")) == "serve",
        worker=_one_of(values, "DIRECTUS_SYNC_WORKER", ("auto", "off")) == "auto",
        apply_timeout=_seconds(values, "DIRECTUS_SYNC_APPLY_TIMEOUT"),
        upgrade_directus=values.get("DIRECTUS_SYNC_UPGRADE_DIRECTUS"),
        attic_retention=age(retention, "DIRECTUS_SYNC_ATTIC_RETENTION") if retention else None,
        image=values.get("DIRECTUS_SYNC_IMAGE"),
        commit=values.get("DIRECTUS_SYNC_COMMIT"),
    )


def _secrets(values: Mapping[str, str]) -> frozenset[str]:
    """Return the given secrets, including those that settings of the tool replace."""
    string = values.get("DB_CONNECTION_STRING")
    passwords = DatabaseSettings(connection_string=string).passwords if string else frozenset()
    named = frozenset(values.get(name, "") for name in SECRET_NAMES)
    return named | passwords | hiding.in_environment({**values, **_contents(values)})


def _contents(values: Mapping[str, str]) -> dict[str, str]:
    """Return secrets from files that only Directus reads, such as that of EMAIL_SMTP_PASSWORD_FILE."""
    found = {}
    for name in (name for name in values if name.endswith("_FILE") and hiding.is_secret(name)):
        with suppress(OSError, ValueError):
            if Path(values[name]).is_file():
                found[name.removesuffix("_FILE")] = Path(values[name]).read_text(encoding="utf-8")
    return found


def _with_files(values: dict[str, str]) -> dict[str, str]:
    """Replace each NAME_FILE by NAME with the content of that file, without the line break at its end."""
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
    """Return the environment for the program that a deploy starts, without the settings that only the tool needs.

    uncaptured: the number of uncaptured items that the deploy left alone, for the health route of the extension.
    """
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in _DEPLOY_ONLY}
    return {**kept, "DIRECTUS_SYNC_UNCAPTURED": str(uncaptured)}


def _of_the_tool(values: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with DB_* replaced by DIRECTUS_SYNC_DB_*."""
    given = {name: values[own] for name, own in _OF_THE_TOOL.items() if own in values}
    if "DB_CONNECTION_STRING" in values and given.keys() == given.keys() & {"DB_USER", "DB_PASSWORD"} != set():
        raise WrongSettings(
            "DIRECTUS_SYNC_DB_USER and DIRECTUS_SYNC_DB_PASSWORD have no effect if DB_CONNECTION_STRING is set",
            next="set DIRECTUS_SYNC_DB_CONNECTION_STRING, with the role that deploys",
        )
    replaced = {"DB_CONNECTION_STRING"} if given.keys() & {"DB_HOST", "DB_PORT"} else set()
    return {name: value for name, value in values.items() if name not in replaced} | given


def read_env_file(path: Path) -> dict[str, str]:
    """Return the settings in a .env; empty if the file does not exist."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415 - a container has no .env, so it need not load dotenv

    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise WrongSettings(f"the file can't be read: {why}", where=str(path), next="correct or remove it") from error


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
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise WrongSettings(
            f"DB_PORT is {shown(port)}, which is not a port", next="set DB_PORT to a number, such as 5432"
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
    """Return a time span from a text such as 90d, 12h or 4w. where: the option or setting. Raises WrongSettings."""
    units = {"h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or len(number) > _AGE_DIGITS or unit not in units:
        raise WrongSettings(f"{shown(text)} is not an age", where=where, next="write it as 90d, 12h or 4w")
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
    """Return whether output to a terminal may use colours: https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def make_target() -> str | None:
    """Return the target of `make` that started this command; hints then name targets of `make`."""
    return os.environ.get("DIRECTUS_SYNC_MAKE") or None
