"""Settings: where they come from, which values are refused, and which must be hidden."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from unittest.mock import Mock

import pytest

from directus_sync import settings
from directus_sync.errors import WrongSettings
from directus_sync.settings import Mode, Settings

Load = Callable[..., Settings]


DURATIONS = {
    "DIRECTUS_SYNC_DB_WAIT": "database_wait",
    "DIRECTUS_SYNC_DIRECTUS_WAIT": "directus_wait",
    "DIRECTUS_SYNC_LOCK_WAIT": "lock_wait",
    "DIRECTUS_SYNC_REQUEST_TIMEOUT": "request_timeout",
    "DIRECTUS_SYNC_APPLY_TIMEOUT": "apply_timeout",
}
BAD_PORTS = ("0", "65536", "-1", "abc", "5432 ", "54.32", "9" * 5000)
BAD_URLS = (
    *("127.0.0.1:8055", "ftp://example.com", "http://", "directus", "http://[::1", "http://example.com:abc"),
    *("http://example.com:99999", "http://exam\nple.com:0x"),
    # Directus accepts `access_token` in a URL's query, and messages show the URL.
    *("http://example.com?access_token=hunter22", "http://example.com#hunter22"),
)
BAD_TOKENS = ("hunter22\n", "hunter22 2", "hunter22\r\nX-Evil: 1", "h\u00fcnter22")
REFUSED: list[tuple[dict[str, str], str]] = [
    ({"DB_DATABASE": ""}, "DB_HOST is set, but not DB_DATABASE"),
    ({"DB_USER": ""}, "DB_HOST is set, but not DB_USER"),
    ({"DB_DATABASE": "", "DB_USER": ""}, "not DB_DATABASE and DB_USER"),
    *(({"DB_PORT": port}, "DB_PORT") for port in BAD_PORTS),
    *(({"DIRECTUS_URL": url}, "DIRECTUS_URL") for url in BAD_URLS),
    *(
        ({"DIRECTUS_URL": f"http://{user}@example.com"}, "contains a user name or password")
        for user in ("someone:hunter22", "someone", ":hunter22")
    ),
    *(
        ({name: token}, f"{name} holds a character that no token has")
        for name in ("DIRECTUS_TOKEN", "ADMIN_TOKEN")
        for token in BAD_TOKENS
    ),
    *(({"DIRECTUS_SCHEMA_APPLY_MODE": mode}, repr(mode)) for mode in ("force", "AUTO", "dry_run", "true")),
    ({"DIRECTUS_SCHEMA_APPLY_MODE": "force"}, "auto, dry-run, skip"),
    *(({name: value}, name) for name in DURATIONS for value in ("-1", "abc", "inf", "nan", "1h")),
    ({"DIRECTUS_SYNC_DB_WAIT": "1h"}, "'1h'"),
    ({"ADMIN_TOKEN_FILE": "/no/such/file"}, "the file that ADMIN_TOKEN_FILE names cannot be read"),
]


@pytest.mark.parametrize(("variables", "said"), REFUSED)
def test_an_invalid_value_is_refused_by_name_without_showing_secrets(
    load: Load, variables: dict[str, str], said: str
) -> None:
    with pytest.raises(WrongSettings) as caught:
        load(**variables)
    assert caught.value.exit_code == 2
    assert said in str(caught.value)
    assert "nter2" not in str(caught.value)


READ: list[tuple[dict[str, str], str, object]] = [
    ({}, "database.port", 5432),
    *(({"DB_SSL": value}, "database.sslmode", "require") for value in ("true", "TRUE", "1")),
    ({"DB_SSL": "false"}, "database.sslmode", None),
    ({}, "directus_url", None),
    ({"DIRECTUS_URL": "", "ADMIN_TOKEN": ""}, "directus_url", None),
    ({"DIRECTUS_URL": "http://127.0.0.1:8055"}, "directus_url", "http://127.0.0.1:8055"),
    ({"DIRECTUS_URL": "http://127.0.0.1:8055/"}, "directus_url", "http://127.0.0.1:8055"),
    ({"DIRECTUS_URL": "https://example.com/directus/"}, "directus_url", "https://example.com/directus"),
    ({"DIRECTUS_URL": "http://[::1]:8055"}, "directus_url", "http://[::1]:8055"),
    ({"DIRECTUS_TOKEN": "ours", "ADMIN_TOKEN": "theirs"}, "token", "ours"),
    ({"ADMIN_TOKEN": "theirs"}, "token", "theirs"),
    ({"ADMIN_EMAIL": "a@example.com"}, "email", "a@example.com"),
    ({"ADMIN_PASSWORD": "pw-123"}, "password", "pw-123"),
    ({"DIRECTUS_HOME": "/directus"}, "directus_home", Path("/directus")),
    ({}, "directus_home", None),
    ({}, "snapshot", settings.ROOT / "snapshots" / "schema.yaml"),
    ({}, "mode", Mode.AUTO),
    ({"DIRECTUS_SCHEMA_APPLY_MODE": ""}, "mode", Mode.AUTO),
    *(({"DIRECTUS_SCHEMA_APPLY_MODE": mode.value}, "mode", mode) for mode in Mode),
    *(({name: "7.5"}, attribute, 7.5) for name, attribute in DURATIONS.items()),
    *(({}, attribute, getattr(Settings, attribute)) for attribute in DURATIONS.values()),
    ({"DIRECTUS_SYNC_LOCK_WAIT": "0"}, "lock_wait", 0),
]


@pytest.mark.parametrize(("variables", "attribute", "value"), READ)
def test_a_variable_is_read_or_has_its_default(
    load: Load, variables: dict[str, str], attribute: str, value: object
) -> None:
    assert attrgetter(attribute)(load(**variables)) == value


# The database


def test_the_database_is_read_from_directus_s_own_variables(load: Load) -> None:
    known = {"host": "db.example", "name": "trm", "user": "directus", "password": "db-pass-1", "sslmode": None}
    database = load(DB_PORT="6543").database
    assert {name: getattr(database, name) for name in (*known, "port")} == {**known, "port": 6543}


def test_a_connection_string_replaces_the_other_variables(load: Load) -> None:
    database = load(DB_CONNECTION_STRING="postgresql://u:p@h/d").database
    assert database.connection_string == "postgresql://u:p@h/d"
    assert database.host == ""


def test_the_error_for_a_missing_database_names_every_way_to_set_one(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings) as caught:
        settings.load({}, tmp_path / ".env")
    message = str(caught.value)
    for word in ("DB_HOST", "DB_CONNECTION_STRING", ".env", "make migrate"):
        assert word in message


# Directus


@pytest.mark.parametrize(
    "variables",
    [{"ADMIN_TOKEN": "t"}, {"DIRECTUS_TOKEN": "t"}, {"ADMIN_EMAIL": "a@example.com", "ADMIN_PASSWORD": "p"}],
)
def test_any_way_to_log_in_is_enough(load: Load, variables: dict[str, str]) -> None:
    load(**variables).require_credentials()


@pytest.mark.parametrize("variables", [{}, {"ADMIN_EMAIL": "a@example.com"}, {"ADMIN_PASSWORD": "p"}])
def test_the_error_for_missing_credentials_names_every_way_to_log_in(load: Load, variables: dict[str, str]) -> None:
    with pytest.raises(WrongSettings) as caught:
        load(**variables).require_credentials()
    for name in ("ADMIN_TOKEN", "DIRECTUS_TOKEN", "ADMIN_EMAIL", "ADMIN_PASSWORD"):
        assert name in str(caught.value)


def test_the_tables_of_alembic_are_always_excluded_from_directus(load: Load) -> None:
    assert load().excluded_tables == "spatial_ref_sys,sysdiagrams,positions,last_positions,recompute_requests"
    assert (
        load(DB_EXCLUDE_TABLES="mine,positions").excluded_tables
        == "mine,positions,last_positions,recompute_requests,spatial_ref_sys"
    )


def test_the_file_of_approvals_is_in_the_folder_of_the_snapshot(load: Load, tmp_path: Path) -> None:
    assert replace(load(), snapshot=tmp_path / "schema.yaml").removals == tmp_path / "removals.yaml"


# .env


def env_file(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return path


COMPLETE = "DB_HOST=from-file\nDB_DATABASE=d\nDB_USER=u\nDB_PASSWORD='p a#ss'\nADMIN_TOKEN=file-token\n"


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_an_env_file_that_cannot_be_read_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / ".env"
    path.write_bytes("DB_HOST=é\n".encode(encoding))
    with pytest.raises(WrongSettings, match="not UTF-8") as refused:
        settings.load({}, path)
    assert refused.value.where == str(path)


def test_the_env_file_sets_variables_that_the_environment_lacks(tmp_path: Path) -> None:
    loaded = settings.load({}, env_file(tmp_path, COMPLETE))
    assert loaded.database.host == "from-file"
    assert loaded.database.password == "p a#ss"
    assert loaded.token == "file-token"


def test_the_env_file_is_not_read_if_config_path_is_set(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match="no database is named"):
        settings.load({"CONFIG_PATH": "/dev/null"}, env_file(tmp_path, COMPLETE))


def test_the_environment_overrides_the_env_file_even_with_an_empty_value(tmp_path: Path) -> None:
    loaded = settings.load({"DB_HOST": "from-environment", "ADMIN_TOKEN": ""}, env_file(tmp_path, COMPLETE))
    assert (loaded.database.host, loaded.token) == ("from-environment", None)


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DB_HOST", "from-process")
    assert settings.load(env_file=env_file(tmp_path, COMPLETE)).database.host == "from-process"


# Secrets and labels


def test_every_secret_is_known(load: Load) -> None:
    secrets = {name: f"value-of-{name}" for name in settings.SECRET_NAMES}
    assert set(load(**secrets).secrets) == set(secrets.values())


def test_the_longest_secret_comes_first(load: Load) -> None:
    assert load(ADMIN_TOKEN="abc-long-token", KEY="abc").secrets[0] == "abc-long-token"


@pytest.mark.parametrize("word", ["", "admin", "directus", "password", "postgres"])
def test_a_common_word_is_not_hidden(load: Load, word: str) -> None:
    assert word not in load(DB_PASSWORD=word).secrets


def test_the_label_names_host_port_and_database(load: Load) -> None:
    assert load().database.label == "db.example:5432/trm"
    assert load(DB_CONNECTION_STRING="postgresql://u:p@h:5433/d").database.label == "h:5433/d"


@pytest.mark.parametrize(
    ("string", "secrets"),
    [
        # As written, and decoded.
        ("postgresql://someone:hunter22%2Fword@h/d", {"hunter22%2Fword", "hunter22/word"}),
        ("postgresql://h/d?user=someone&password=hunter22", {"hunter22"}),
        ("postgresql://h/d?user=someone&password=hunter@22", {"hunter@22"}),
        ("host=h password=hunter22 user=someone", {"hunter22", "host=h password=hunter22 user=someone"}),
        (r"host=h password = 'hunter\'s 22' user=someone", {r"hunter\'s 22", "hunter's 22"}),
        # libpq reads # and ? as part of the password. A slash should be percent-encoded, which people often forget.
        ("postgresql://someone:hunter22#x@h/d", {"hunter22#x"}),
        ("postgresql://someone:hunter22?x@h/d", {"hunter22?x"}),
        ("postgresql://someone:hunter22/x@h/d", {"hunter22/x"}),
        # An invalid string.
        ("postgresql://someone:hunter22@[::1/d", {"hunter22"}),
    ],
)
def test_the_password_in_a_connection_string_is_hidden_and_not_in_the_label(
    load: Load, string: str, secrets: set[str]
) -> None:
    loaded = load(DB_CONNECTION_STRING=string, DB_PASSWORD="")
    assert secrets <= set(loaded.secrets)
    assert "hunt" not in loaded.database.label + repr(loaded)
    assert "someone" not in loaded.database.label


def test_the_repr_of_settings_has_no_secrets(load: Load) -> None:
    secrets = {name: f"value-of-{name}" for name in settings.SECRET_NAMES}
    assert "value-of" not in repr(load(**secrets))


def test_a_file_can_hold_the_value_of_a_setting(load: Load, tmp_path: Path) -> None:
    secret = tmp_path / "db_password"
    secret.write_text("hunter22\n", encoding="utf-8")
    loaded = load(DB_PASSWORD="", DB_PASSWORD_FILE=str(secret))
    assert loaded.database.password == "hunter22"
    assert loaded.environ["DB_PASSWORD"] == "hunter22"
    assert "hunter22" in loaded.secrets
    assert load(DB_PASSWORD="given", DB_PASSWORD_FILE=str(secret)).database.password == "given"


def test_the_tool_can_have_its_own_role_and_address_and_hides_all_passwords(load: Load) -> None:
    loaded = load(
        DB_CONNECTION_STRING="postgresql://serves:serving-password@pooler:6432/d",
        DB_HOST="pooler",
        DB_PASSWORD="other-password",
        DIRECTUS_SYNC_DB_HOST="db",
        DIRECTUS_SYNC_DB_USER="deploys",
        DIRECTUS_SYNC_DB_PASSWORD="deploy-password",
    )
    assert (loaded.database.host, loaded.database.user) == ("db", "deploys")
    assert (loaded.environ["DB_HOST"], loaded.environ["DB_PASSWORD"]) == ("db", "deploy-password")
    assert {"serving-password", "other-password", "deploy-password"} <= set(loaded.secrets)


@pytest.mark.parametrize("name", ["seeds", "access/collections", "resources", "resources/presets"])
def test_a_folder_that_cannot_be_read_is_an_error(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    closed = tmp_path / name
    closed.mkdir(parents=True)
    for path in (closed / "one.yaml", tmp_path / "schema.yaml"):
        path.touch()
    found = replace(load(), snapshot=tmp_path / "schema.yaml")
    assert closed / "one.yaml" in (*found.seeds, *found.files)
    listing = os.scandir

    def scandir(path: str | Path) -> object:
        # Raised here, because the tests may run as root, who can read everything.
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(WrongSettings, match="the folder cannot be read: Permission denied") as caught:
        _ = (*found.seeds, *found.files)
    assert caught.value.where == str(closed)


def test_a_path_that_cannot_be_checked_is_an_error_and_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (settings.is_there(tmp_path), settings.is_there(tmp_path / "none")) == (True, False)
    denied = PermissionError(errno.EACCES, "Permission denied", "closed")
    monkeypatch.setattr(Path, "stat", Mock(side_effect=denied))
    with pytest.raises(WrongSettings, match="cannot be read: Permission denied"):
        settings.is_there(tmp_path)


# Ages for `attic purge`


@pytest.mark.parametrize(
    ("text", "span"), [("90d", timedelta(days=90)), ("12h", timedelta(hours=12)), ("4w", timedelta(weeks=4))]
)
def test_an_age_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert settings.age(text, "--older-than") == span


@pytest.mark.parametrize("text", ["", "d", "90", "-1d", "1.5d", "90 d", "90m", "9" * 5000 + "d", "9" * 12 + "w"])
def test_an_invalid_age_is_refused(text: str) -> None:
    with pytest.raises(WrongSettings) as caught:
        settings.age(text, "--older-than")
    assert caught.value.exit_code == 2
