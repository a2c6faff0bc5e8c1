"""The schema worker: only Directus's schema code, bundled into one file. Makes that file, and decides when to use it.

The worker also writes rows of access and resources. It runs no extensions and no flows. If any of those listens to
changes, a whole Directus is started instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from directus_sync.directus import installation, program
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.settings import Settings

# Versions of Directus for which the worker and the fast apply were shown to give the same results as a whole server.
PROVEN: Final = frozenset({"11.17.4"})
_SOURCES: Final = tuple(sorted(Path(__file__).parent.glob("*.mjs")))
APPLY: Final = Path(__file__).with_name("apply.mjs")
_ENTRY: Final = Path(__file__).with_name("worker.mjs")
_BUNDLER: Final = Path(__file__).with_name("bundle.mjs")
# Lock files: pnpm's in its store, pnpm's beside a package.json, and npm's.
_LOCKS: Final = ("lock.yaml", "pnpm-lock.yaml", "package-lock.json")
BUNDLE_SECONDS: Final = 120.0
KEPT_SECONDS: Final = 30 * 24 * 3600

# Matches the name of a schema event in an extension's code, or a name that is composed and may become one.
_SCHEMA_EVENT: Final = re.compile(
    rb"""["'`](?:(?:fields|collections|relations|\*)\.(?:create|update|delete|query|read|["'`*]|\$\{)|\*\*)"""
    rb"""|(?:\$\{[^}`]*\}|["'`])\.(?:create|update|delete|query|read)["'`]"""
)
_LISTENING_FLOW: Final = r"""
SELECT name FROM public.directus_flows
WHERE status = 'active' AND trigger = 'event' AND options ->> 'scope' ~ '\m(fields|collections|relations)\.'
ORDER BY name LIMIT 1"""

# The kinds of rows that the worker writes. It does not delete roles (_NOT_WRITTEN), because that also changes users.
_KINDS: Final = (
    "access", "dashboards", "flows", "operations", "panels", "permissions", "policies", "presets", "roles", "settings",
    "translations",
)  # fmt: skip
_WRITTEN: Final = frozenset(f"/{kind}" for kind in _KINDS)
_NOT_WRITTEN: Final = ("DELETE", "/roles")
# A flow on items.create lists collections, of any kind. A flow on policies.create lists none: the event names the kind.
_WATCHING_FLOW: Final = rf"""
SELECT name FROM public.directus_flows
WHERE status = 'active' AND trigger = 'event' AND options::text ~ '"(directus_|({"|".join(_KINDS)})\.)'
ORDER BY name LIMIT 1"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Choice:
    """What to start: the worker from this bundle, or a whole Directus if bundle is None.

    reason: why the worker is not used. load_extensions: whether extensions listen, or may listen, to changes of the
    schema.
    """

    bundle: Path | None
    reason: str = field(default="", compare=False)
    load_extensions: bool = False

    def name(self, version: str) -> str:
        """Return the name for messages."""
        if self.bundle:
            return f"a schema worker of Directus {version}"
        return f"a private Directus {version}{self.reason and f' ({self.reason})'}"


WHOLE: Final = Choice(None)


def is_proven(settings: Settings) -> bool:
    """Return whether the worker and the fast apply may be used with this Directus."""
    return settings.worker and installation.version(settings) in PROVEN


def choose(settings: Settings, connection: Connection) -> Choice:
    """Return what to start for work on the schema. Makes the bundle if it does not exist yet."""
    listener = _listener(settings)
    flow = _flow(connection, _LISTENING_FLOW)
    reason = listener or _unsuited(settings) or (flow and f"the flow {flow} listens to changes of the schema")
    if reason:
        return Choice(None, reason, load_extensions=bool(listener))
    try:
        return Choice(bundle(settings))
    except (OSError, subprocess.SubprocessError) as error:
        return Choice(None, f"the schema worker cannot be made: {_cause(error)}")


def choose_for_rows(settings: Settings, connection: Connection, requests: Iterable[tuple[str, str]]) -> Choice:
    """Return what to start for requests that write rows. requests: pairs of method and path."""
    for method, path in requests:
        if path not in _WRITTEN or (method, path) == _NOT_WRITTEN:
            return Choice(None, f"the schema worker does not send {method} {path}")
    flow = _flow(connection, _WATCHING_FLOW)
    if flow:
        return Choice(None, f"the flow {flow} listens to the rows that are written")
    choice = choose(settings, connection)
    # No hooks: extensions are never loaded for writing rows, because their hooks are meant for the edits of people.
    return choice if choice.bundle else Choice(None, choice.reason)


def bundle(settings: Settings) -> Path:
    """Return the worker's file; make it if it is missing. Raises OSError or SubprocessError if that fails."""
    name = f"worker-{_key(settings)}.mjs"
    folders = _folders(settings)
    for folder in folders:
        # A file of another user could be any program.
        with suppress(OSError):
            if (folder / name).stat().st_uid in {0, os.geteuid()}:
                return folder / name
    folder = next(filter(_is_writable, folders), folders[0])
    command = [program.node(settings), str(_BUNDLER), str(_ENTRY), str(folder / name)]
    environment = program.environment(settings)
    subprocess.run(command, env=environment, timeout=BUNDLE_SECONDS, check=True, capture_output=True, text=True)
    for old in folder.glob("worker-*"):
        if time.time() - old.stat().st_mtime > KEPT_SECONDS:
            old.unlink(missing_ok=True)
    return folder / name


def _key(settings: Settings) -> str:
    """Return a hash that differs between installations of Directus and between versions of this tool."""
    home = installation.home(settings).resolve()
    digest = hashlib.sha256(f"{home} {installation.version(settings)}".encode())
    folders = (home, *installation.api(home).resolve().parents)
    for path in (*(folder / name for folder in folders for name in _LOCKS), *_SOURCES):
        with suppress(OSError):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that may hold bundles: one in the installation, one in this user's cache."""
    cache = settings.environ.get("XDG_CACHE_HOME") or f"{settings.environ.get('HOME', '/nonexistent')}/.cache"
    return tuple(base / "directus-sync" for base in (installation.home(settings).resolve() / ".cache", Path(cache)))


def _is_writable(folder: Path) -> bool:
    with suppress(OSError):
        # Others must be able to read it: in an image root makes it and another user runs the tool.
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return os.access(folder, os.W_OK) and folder.stat().st_uid == os.geteuid()


def _unsuited(settings: Settings) -> str:
    """Return why the worker cannot be used, judging by the settings alone; empty if it can."""
    if not settings.worker:
        return "DIRECTUS_SYNC_WORKER is off"
    version = installation.version(settings)
    if version not in PROVEN:
        return f"the schema worker is not proven for {version}"
    return ""


def _listener(settings: Settings) -> str:
    """Return which extension listens, or may listen, to changes of the schema; empty if none does."""
    if "EXTENSIONS_LOCATION" in settings.environ:
        return "its extensions are in a storage location"
    folder = Path(settings.environ.get("EXTENSIONS_PATH", "extensions"))
    for extension in (*folder.glob("*/package.json"), *folder.glob(".registry/*/package.json")):
        # Directus does not load the sources of the project's own extension.
        if extension.resolve() not in settings.extensions and _may_listen(extension):
            return f"the extension {extension.parent.name} may listen to changes of the schema"
    package = Path(settings.environ.get("PACKAGE_FILE_LOCATION", installation.home(settings))) / "package.json"
    with suppress(OSError):
        if "directus-extension-" in package.read_text(encoding="utf-8"):
            return f"{package} depends on extensions"
    return ""


def _may_listen(package: Path) -> bool:
    """Return whether an extension has hooks for schema events; True if its code cannot be read."""
    try:
        manifest = json.loads(package.read_bytes()).get("directus:extension")
        if manifest is None or manifest["type"] not in {"hook", "bundle"}:
            return False
        path = manifest["path"]
        code = package.parent / (path["api"] if isinstance(path, dict) else path)
        files = [*code.parent.rglob("*.js"), *code.parent.rglob("*.cjs"), *code.parent.rglob("*.mjs")]
        return code not in files or any(_SCHEMA_EVENT.search(file.read_bytes()) for file in files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return True


def _flow(connection: Connection, sql: str) -> str:
    """Return the name of the flow that the query finds; empty if it finds none."""
    rows = database.query(connection, sql) if database.has(connection, "public.directus_flows") else []
    return str(rows[0][0]) if rows else ""


def _cause(error: Exception) -> str:
    printed = (error.stderr or "") if isinstance(error, subprocess.CalledProcessError) else ""
    lines = [line for line in printed.splitlines() if "rror" in line]
    return lines[0].strip() if lines else str(error)
