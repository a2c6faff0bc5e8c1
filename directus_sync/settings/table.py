"""The table of settings. docs/settings.md is generated from it. Only Directus reads some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from directus_sync.project import ALEMBIC_TABLES


@dataclass(frozen=True)
class Setting:
    """One setting. default: as the documentation shows it; secret: its value is hidden in all output."""

    name: str
    meaning: str
    default: str = ""
    secret: bool = False


SETTINGS: Final = (
    Setting("DB_HOST", "PostgreSQL's host. If it is set, `make` does not use the local stack", "the local stack"),
    Setting("DB_PORT", "PostgreSQL's port", "5432"),
    Setting("DB_DATABASE", "the database's name. Required with `DB_HOST`"),
    Setting("DB_USER", "the user. Required with `DB_HOST`. It must be allowed to create schemas and extensions"),
    Setting("DB_PASSWORD", "the user's password", "none", secret=True),
    Setting("DB_SSL", "`true`: encrypted connections only", "false"),
    Setting(
        "DB_SSL__CA",
        "the certificate of the authority that signed PostgreSQL's certificate, as PEM text. The tool then also checks "
        "the name of the host, and accepts no other server",
    ),
    Setting("DB_SSL__CERT", "the client's own certificate, as PEM text"),
    Setting("DB_SSL__KEY", "the key of `DB_SSL__CERT`", secret=True),
    Setting("DB_SSL__REJECT_UNAUTHORIZED", "`false`: do not verify the server even if `DB_SSL__CA` is set", "true"),
    Setting(
        "DB_CONNECTION_STRING",
        "`postgresql://user:password@host:5432/database`. Replaces all settings above, as in Directus. So for TLS add "
        "`?sslmode=verify-full&sslrootcert=FILE`",
    ),
    Setting("DIRECTUS_SYNC_DB_HOST", "if `DB_HOST` is a connection pooler: PostgreSQL's host. Only the tool uses it"),
    Setting("DIRECTUS_SYNC_DB_PORT", "the port of `DIRECTUS_SYNC_DB_HOST`"),
    Setting("DIRECTUS_SYNC_DB_CONNECTION_STRING", "replaces `DB_CONNECTION_STRING` for the tool only", secret=True),
    Setting(
        "DIRECTUS_SYNC_DB_USER",
        "replaces `DB_USER` for the tool only: the role that deploys. The program that `deploy -- COMMAND` starts does "
        "not get it, nor `DIRECTUS_SYNC_DB_PASSWORD`, `DIRECTUS_TOKEN`, `ADMIN_TOKEN` and `ADMIN_PASSWORD`",
    ),
    Setting("DIRECTUS_SYNC_DB_PASSWORD", "see `DIRECTUS_SYNC_DB_USER`", secret=True),
    Setting(
        "DB_EXCLUDE_TABLES",
        "tables that Directus must not see. The tool always adds " + ", ".join(f"`{name}`" for name in ALEMBIC_TABLES),
        "spatial_ref_sys,sysdiagrams",
    ),
    Setting("DIRECTUS_URL", "a running Directus on the same database. Without it the tool starts a temporary one"),
    Setting(
        "DIRECTUS_HOME",
        "the folder of Directus's `cli.js`, from which the tool starts the temporary Directus. In Directus's "
        "image: `/directus`. If the folder is writable, compiled code is cached in its `.cache/directus-sync`",
        "the local stack's",
    ),
    Setting("CONFIG_PATH", "Directus's own settings file. If it is set, the tool reads no `.env`. The image sets it"),
    Setting("PUBLIC_URL", "the address of Directus in a browser. Only Directus reads it"),
    Setting("KEY", "Directus's key. Required to bootstrap or start Directus", secret=True),
    Setting("SECRET", "Directus's secret. Required to bootstrap or start Directus", secret=True),
    Setting("ADMIN_EMAIL", "e-mail of the first administrator, who is created at the first deploy"),
    Setting(
        "ADMIN_PASSWORD", "the administrator's password. The tool can log in with e-mail and password", secret=True
    ),
    Setting("PROJECT_NAME", "the project's name in this environment", "that in `snapshots/resources/settings.yaml`"),
    Setting(
        "PROJECT_OWNER",
        "e-mail of the person responsible for this environment, written at the first deploy. Without it Directus asks "
        "every administrator. `directus bootstrap` also sends the address to Directus's makers",
    ),
    Setting("ADMIN_TOKEN", "static token of the first administrator. Better than a password to log in", secret=True),
    Setting("DIRECTUS_TOKEN", "token of another administrator. Only the tool uses it", "`ADMIN_TOKEN`", secret=True),
    Setting(
        "DIRECTUS_SCHEMA_APPLY_MODE",
        "`auto` checks and applies the changes, `dry-run` changes nothing and exits 3 if anything would "
        "change, `skip` pushes nothing",
        "auto",
    ),
    Setting(
        "DIRECTUS_SYNC_ON_DRIFT",
        "if `deploy -- COMMAND` has nothing new to deploy, but Directus has work that nobody captured: "
        "`serve` prints a note and starts COMMAND, `halt` refuses",
        "serve",
    ),
    Setting(
        "DIRECTUS_SYNC_WORKER",
        "`auto` starts only the needed part of Directus if that gives the same result. `off` always starts all of it",
        "auto",
    ),
    Setting(
        "DIRECTUS_SYNC_UPGRADE_DIRECTUS",
        "the version, such as `12.4.1`, to which a deploy may upgrade a database of another minor or major version of "
        "Directus. Same as `--upgrade-directus`",
    ),
    Setting(
        "DIRECTUS_SYNC_ATTIC_RETENTION", "`90d`, `12h`, `4w`: a deploy deletes older copies in the attic", "forever"
    ),
    Setting("DIRECTUS_SYNC_IMAGE", "name of the image, for the record of deploys"),
    Setting("DIRECTUS_SYNC_COMMIT", "git commit, for the record of deploys. The image sets it", "of the checkout"),
    Setting("COMPOSE_REDIS_PASSWORD", "password of Redis in the Compose file. Letters and digits only", secret=True),
    Setting("DIRECTUS_SYNC_DB_WAIT", "seconds to wait for PostgreSQL", "60"),
    Setting("DIRECTUS_SYNC_DIRECTUS_WAIT", "seconds to wait for Directus", "60"),
    Setting("DIRECTUS_SYNC_LOCK_WAIT", "seconds to wait for the lock", "600"),
    Setting("DIRECTUS_SYNC_REQUEST_TIMEOUT", "seconds to wait for one answer of Directus", "120"),
    Setting("DIRECTUS_SYNC_APPLY_TIMEOUT", "seconds to wait while Directus applies a schema", "1800"),
)
SECRET_NAMES: Final = tuple(each.name for each in SETTINGS if each.secret)
