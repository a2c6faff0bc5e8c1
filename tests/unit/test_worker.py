"""When the schema worker is used instead of a whole Directus, and where its file is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from directus_sync.directus import worker
from directus_sync.settings import Settings
from tests.unit.test_server import node

Load = Callable[..., Settings]


class Session:
    """A fake connection to a database with these listening flows, or without Directus's tables."""

    def __init__(self, *flows: str) -> None:
        self.answers: list[list[tuple[Any, ...]]] = [[("directus_flows" if flows else None,)], [(x,) for x in flows]]
        self.readonly = False

    def cursor(self) -> Session:
        return self

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, *_: object) -> None:
        pass

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.answers.pop(0)


def chosen(settings: Settings, *flows: str) -> worker.Choice:
    return worker.choose(settings, Session(*flows))  # type: ignore[arg-type]


@pytest.fixture
def bundling(home: Path) -> dict[str, str]:
    """Return settings with a fake Node that writes the file in its last argument and logs each call."""
    path = node(home, f'for last; do :; done; echo "$DIRECTUS_HOME" > "$last"; echo made >> {home}/made')
    return {"DIRECTUS_HOME": str(home), "PATH": path, "EXTENSIONS_PATH": str(home / "extensions")}


def extension(home: Path, code: str, kind: str = "hook") -> None:
    folder = home / "extensions" / "audit"
    (folder / "dist").mkdir(parents=True)
    path = {"app": "dist/app.js", "api": "dist/api.js"} if kind == "bundle" else "dist/api.js"
    manifest = {"name": "audit", "directus:extension": {"type": kind, "path": path}}
    (folder / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "dist" / "api.js").write_text(code, encoding="utf-8")


def test_the_file_is_built_once_and_kept_in_the_installation(load: Load, home: Path, bundling: dict[str, str]) -> None:
    first, again = (chosen(load(**bundling)) for _ in range(2))
    assert first == again
    assert first.bundle is not None
    assert first.bundle.parent == home / ".cache" / "directus-sync"
    assert first.name("1.2.3") == "a schema worker of Directus 1.2.3"
    assert (home / "made").read_text(encoding="utf-8") == "made\n"


def test_the_file_is_kept_in_the_user_s_cache_if_the_installation_is_read_only(
    load: Load, home: Path, bundling: dict[str, str], tmp_path: Path
) -> None:
    # A file in place of the folder stops even root.
    (home / ".cache").touch()
    cache = tmp_path / "cache"
    found = chosen(load(**bundling, XDG_CACHE_HOME=str(cache))).bundle
    assert found is not None
    assert found.parent == cache / "directus-sync"
    assert found.parent.stat().st_mode & 0o022 == 0


def test_another_lock_file_or_version_needs_another_file(load: Load, home: Path, bundling: dict[str, str]) -> None:
    settings = load(**bundling)
    names = [worker.bundle(settings)]
    (home / "pnpm-lock.yaml").write_text("lockfileVersion: 9\n", encoding="utf-8")
    names.append(worker.bundle(settings))
    (home / "package.json").write_text('{"version": "11.17.5"}', encoding="utf-8")
    names.append(worker.bundle(settings))
    assert len(set(names)) == 3


def test_an_untested_version_needs_a_whole_directus(load: Load, home: Path, bundling: dict[str, str]) -> None:
    (home / "package.json").write_text('{"version": "11.17.5"}', encoding="utf-8")
    found = chosen(load(**bundling))
    assert found == worker.Choice(None, "the schema worker is not proven for 11.17.5")
    assert found.name("11.17.5") == "a private Directus 11.17.5 (the schema worker is not proven for 11.17.5)"


def test_a_file_that_cannot_be_built_is_not_a_failure(load: Load, home: Path) -> None:
    path = node(home, "echo 'Error: there is no esbuild here' >&2; exit 1")
    found = chosen(load(DIRECTUS_HOME=str(home), PATH=path))
    assert found == worker.Choice(None, "the schema worker cannot be made: Error: there is no esbuild here")


def test_the_worker_can_be_turned_off_by_a_setting(load: Load, bundling: dict[str, str]) -> None:
    assert chosen(load(**bundling, DIRECTUS_SYNC_WORKER="off")).reason == "DIRECTUS_SYNC_WORKER is off"


def test_a_flow_on_events_of_the_schema_needs_a_whole_directus(load: Load, bundling: dict[str, str]) -> None:
    assert chosen(load(**bundling), "Audit").reason == "the flow Audit listens to changes of the schema"


@pytest.mark.parametrize(
    "code",
    [
        'export default ({filter}) => { filter("collections.create", refuse); };',
        "export default ({action}) => { action('fields.delete', tell); };",
        "for (const kind of kinds) action(`${kind}.update`, tell);",
        "action(kind + '.create', tell);",
        "action('fields.' + verb, tell);",
        "action('*.create', tell);",
        "action('**', tell);",
    ],
)
@pytest.mark.parametrize("kind", ["hook", "bundle"])
def test_a_hook_on_events_of_the_schema_needs_a_whole_directus(
    load: Load, home: Path, bundling: dict[str, str], code: str, kind: str
) -> None:
    extension(home, code, kind)
    assert chosen(load(**bundling)).reason == "the extension audit may listen to changes of the schema"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (
            "filter('items.create', refuse); action(`${name}.items.update`, tell); fields: ['*', 'user.*', 'fields.x']",
            "hook",
        ),
        ("filter('collections.create', refuse)", "interface"),
    ],
)
def test_any_other_extension_allows_the_worker(
    load: Load, home: Path, bundling: dict[str, str], code: str, kind: str
) -> None:
    extension(home, code, kind)
    assert chosen(load(**bundling)).bundle is not None


def test_an_extension_that_cannot_be_read_needs_a_whole_directus(
    load: Load, home: Path, bundling: dict[str, str]
) -> None:
    extension(home, "")
    (home / "extensions/audit/dist/api.js").unlink()
    assert chosen(load(**bundling)).bundle is None
