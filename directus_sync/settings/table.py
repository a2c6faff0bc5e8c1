"""The table of settings, from which that of the documentation is generated. Some are only read by Directus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from directus_sync.project import ALEMBIC_TABLES


@dataclass(frozen=True)
class Setting:
    """One variable. default: as the documentation shows it; secret: its value is hidden in all output."""

    name: str
    meaning: str
    default: str = ""
    secret: bool = False


SETTINGS: Final = (
    Setting("DB_HOST", "PostgreSQL's host. With it `make` does not use the local stack", "the local stack"),
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
    Setting("DIRECTUS_SYNC_DB_HOST", "if `DB_HOST` is a connection pooler: the host of PostgreSQL, for the tool alone"),
    Setting("DIRECTUS_SYNC_DB_PORT", "its port"),
    Setting("DIRECTUS_SYNC_DB_CONNECTION_STRING", "both, with all the rest, in one string", secret=True),
    Setting(
        "DIRECTUS_SYNC_DB_USER",
        "for the tool alone, in place of `DB_USER`: the role that deploys. The program that a boot starts does "
        "not get it, nor `DIRECTUS_SYNC_DB_PASSWORD`, `DIRECTUS_TOKEN`, `ADMIN_TOKEN` and `ADMIN_PASSWORD`",
    ),
    Setting("DIRECTUS_SYNC_DB_PASSWORD", "see `DIRECTUS_SYNC_DB_USER`", secret=True),
    Setting(
        "DB_EXCLUDE_TABLES",
        "tables that Directus must not see. Always added: " + ", ".join(f"`{name}`" for name in ALEMBIC_TABLES),
        "spatial_ref_sys,sysdiagrams",
    ),
    Setting("DIRECTUS_URL", "a running Directus on the same database. Without it the tool starts a temporary one"),
    Setting(
        "DIRECTUS_HOME",
        "the folder of Directus's `cli.js`, from which the tool starts the temporary one. In Directus's "
        "image: `/directus`. If the folder is writable, compiled code is kept in its `.cache/directus-sync`",
        "the local stack's",
    ),
    Setting("CONFIG_PATH", "Directus's own settings file. With it the tool reads no `.env` either. The image sets it"),
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
        "e-mail of who is responsible for this environment, written at the first deploy. Without it Directus asks "
        "every administrator. Where Directus itself bootstraps, it also tells it to its makers",
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
        "`auto` starts only the part of Directus that the work needs, where that does the same. `off` starts all of it",
        "auto",
    ),
    Setting(
        "DIRECTUS_SYNC_UPGRADE_DIRECTUS",
        "the version, such as `12.4.1`, to which a deploy may upgrade a database of another minor or major version of "
        "Directus. As `--upgrade-directus`",
    ),
    Setting(
        "DIRECTUS_SYNC_ATTIC_RETENTION", "`90d`, `12h`, `4w`: a deploy purges older copies in the attic", "for ever"
    ),
    Setting("DIRECTUS_SYNC_IMAGE", "name of the image, for the record of deploys"),
    Setting("DIRECTUS_SYNC_COMMIT", "git commit, for the record of deploys. The image sets it", "of the checkout"),
    Setting(
        "COMPOSE_REDIS_PASSWORD", "of Redis in the Compose file, for replicas. Letters and digits only", secret=True
    ),
    Setting("DIRECTUS_SYNC_DB_WAIT", "seconds to wait for PostgreSQL", "60"),
    Setting("DIRECTUS_SYNC_DIRECTUS_WAIT", "seconds to wait for Directus", "60"),
    Setting("DIRECTUS_SYNC_LOCK_WAIT", "seconds to wait for another deploy", "600"),
    Setting("DIRECTUS_SYNC_REQUEST_TIMEOUT", "seconds to wait for one answer of Directus", "120"),
    Setting("DIRECTUS_SYNC_APPLY_TIMEOUT", "seconds to wait while Directus applies a schema", "1800"),
)
SECRET_NAMES: Final = tuple(each.name for each in SETTINGS if each.secret)
