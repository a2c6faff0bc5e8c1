"""Resource files: reading them, refusing forbidden content, and what a pull writes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from directus_sync import settings
from directus_sync.errors import InvalidResources
from directus_sync.resources import forms, grouping, judging
from directus_sync.resources.forms import FORMS
from directus_sync.resources.items import Resource
from directus_sync.resources.kinds import LiveRow
from directus_sync.resources.studio import lint, reading, writing
from directus_sync.resources.studio_kinds import DASHBOARDS, PANELS, PRESETS, STUDIO, TRANSLATIONS
from directus_sync.schema import snapshot
from directus_sync.yaml_files import tree
from tests import resource_files
from tests.access_files import ROLE_ID
from tests.resource_files import DASHBOARD_ID, FILES, FLOW_ID, ITEMS, OPERATION_IDS

SCHEMA = snapshot.read(settings.ROOT / "snapshots" / "schema.yaml")
ROLES = {"member": ROLE_ID}
PROJECT = settings.Settings(settings.DatabaseSettings(), {})
DEFAULT = "default: {layout_query: {tabular: {fields: [name]}}}\n"


class Folder:
    """Resource files, and a database that starts equal to them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.live = self.wanted()

    def wanted(self) -> dict[str, Resource]:
        return {item.id: item for item in reading.parse(self.path, reading.contents(self.path), ROLES)}

    def edit(self, name: str, **values: Any) -> None:
        rows = tuple({**row, **values} for row in self.live[name].rows)
        self.live[name] = dataclasses.replace(self.live[name], rows=rows)

    def add(self, name: str, row: dict[str, Any]) -> None:
        kind, _, key = name.partition(":")
        self.live[name] = Resource(kind, key, (row,))

    def pull(self) -> dict[str, str | None]:
        """Return the new text of each file that a pull changes, or None if it removes the file, by name."""
        differing = [change.id for change in judging.changes(STUDIO, self.wanted(), self.live)]
        changed = writing.rewritten(self.path, reading.contents(self.path), self.live, differing, ROLES)
        return {
            str(path.relative_to(self.path)): None if content is None else content.decode()
            for path, content in changed.items()
        }


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(resource_files.written(tmp_path))


def found(tmp_path: Path, name: str, text: str) -> list[str]:
    """Return the findings of the linter for one file."""
    folder = resource_files.written(tmp_path, {name: text})
    return [finding.what for finding in lint.findings(reading.parse(folder, reading.contents(folder), ROLES), SCHEMA)]


# Reading


def test_every_item_has_a_readable_name(folder: Folder) -> None:
    assert sorted(folder.live) == ITEMS


def test_operations_refer_to_each_other_by_name(folder: Folder) -> None:
    (flow,), (first,) = (folder.live[name].rows for name in ("flow:notice", "operation:notice/first"))
    assert flow["operation"] == first["id"] == OPERATION_IDS[0]
    assert (first["resolve"], first["reject"]) == (OPERATION_IDS[1], OPERATION_IDS[2])


def test_a_setting_that_equals_directus_s_default_is_not_an_item(tmp_path: Path) -> None:
    folder = Folder(resource_files.written(tmp_path, {"settings.yaml": "auth_login_attempts: 25\nproject_name: A\n"}))
    assert list(folder.live) == ["setting:project_name"]


def test_the_name_of_a_bookmark_is_escaped_for_lists_of_ids(tmp_path: Path) -> None:
    text = "bookmarks: {'Open, 100% or 1/2': {}}\n"
    assert list(Folder(resource_files.written(tmp_path, {"presets/events.yaml": text})).live) == [
        "preset:events/-/Open%2C 100%25 or 1%2F2"
    ]


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("settings.yaml", "project_owner: a@example.com\n", "project_owner belongs to each environment"),
        ("settings.yaml", "colour: red\n", "colour is not a setting of Directus"),
        ("settings.yaml", "auth_login_attempts: many\n", "must be a whole number"),
        ("settings.yaml", "auth_login_attempts: true\n", "must be a whole number"),
        ("settings.yaml", "project_name: 2026\n", "must be a text"),
        ("presets/events.yaml", "default: {colour: red}\n", "default.colour is not known here"),
        ("presets/events.yaml", "default: {layout_query: tabular}\n", "must be a mapping or a list"),
        ("presets/events.yaml", "roles: {sponsor: {default: {}}}\n", "is not a role of snapshots/access/access.yaml"),
        ("dashboards/a.yaml", "name: A\n", "has no id"),
        ("dashboards/a.yaml", "id: 7a\nname: A\n", "must be a UUID"),
        ("dashboards/a.yaml", f"id: {FLOW_ID}\nname: A\npanels: {{B: {{type: label}}}}\n", "panels.B has no position"),
        (
            "dashboards/a.yaml",
            f"id: {FLOW_ID}\nname: A\npanels: {{B: {{type: label, position: [1], size: [1, 1]}}}}\n",
            "must be a list of two whole numbers",
        ),
        ("flows/a.yaml", f"id: {FLOW_ID}\nname: A\noperation: b\n", "names an operation that this flow does not have"),
        *(
            (
                "flows/a.yaml",
                FILES["flows/notice.yaml"].replace("second", name),
                "a name with one of",
            )
            for name in ("a/b", "'a,b'", "50%")
        ),
        ("flows/a,b.yaml", f"id: {FLOW_ID}\nname: A\n", "the file has a name with one of % , /"),
        ("dashboards/a%2Fb.yaml", f"id: {FLOW_ID}\nname: A\n", "the file has a name with one of % , /"),
        ("translations/en-US.yaml", "hello: true\n", "must be a text; quote it"),
        ("panels/a.yaml", "name: A\n", "this file does not belong here"),
        ("notes.yaml", "name: A\n", "this file does not belong here"),
        ("presets/old/events.yaml", DEFAULT, "this file does not belong here"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path: Path, name: str, text: str, what: str) -> None:
    folder = resource_files.written(tmp_path, {name: text})
    with pytest.raises(InvalidResources, match=what) as error:
        reading.parse(folder, reading.contents(folder), ROLES)
    assert str(folder / name) in str(error.value.where)


def test_two_files_with_the_same_id_are_refused(tmp_path: Path) -> None:
    text = f"id: {DASHBOARD_ID}\nname: A\n"
    folder = resource_files.written(tmp_path, {"dashboards/a.yaml": text, "dashboards/b.yaml": text})
    with pytest.raises(InvalidResources, match=r"has the id of .*a\.yaml:1"):
        reading.parse(folder, reading.contents(folder), ROLES)


# Forbidden content


def flow(operation: str, options: str) -> str:
    operations = f"a: {{id: {OPERATION_IDS[0]}, type: {operation}, position: [1, 1], options: {options}}}"
    return f"id: {FLOW_ID}\nname: A\noperations: {{{operations}}}\n"


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("presets/cars.yaml", DEFAULT, "there is no collection cars"),
        ("presets/events.yaml", DEFAULT.replace("name", "colour"), "names colour, but events has no field colour"),
        (
            "presets/entries.yaml",
            DEFAULT.replace("name", "event_id.colour"),
            "names event_id.colour, but events has no field",
        ),
        ("presets/events.yaml", DEFAULT.replace("name", "name.x"), "it goes on after a field that is not a relation"),
        (
            "presets/entries.yaml",
            "default: {layout_query: {tabular: {sort: [-event_id.name]}}}\n",
            "sorts by event_id.name, which the extension refuses",
        ),
        ("presets/events.yaml", "default: {filter: {name: {_is: A}}}\n", "Directus has no operator _is"),
        (
            "dashboards/a.yaml",
            resource_files.FILES["dashboards/day.yaml"].replace("collection: events", "collection: cars"),
            "there is no collection cars",
        ),
        (
            "dashboards/a.yaml",
            resource_files.FILES["dashboards/day.yaml"].replace("sort_order", "number"),
            "names number, but stages has no field number",
        ),
        ("flows/a.yaml", flow("log", "null"), "has no options, and Directus runs no operation without them"),
        ("flows/a.yaml", flow("item-update", "{collection: events}"), "writes items"),
        ("flows/a.yaml", flow("item-read", "{collection: events}"), "without `emitEvents: true`"),
        ("flows/a.yaml", flow("item-read", "{emitEvents: true, permissions: $full}"), "has the permissions \\$full"),
        (
            "flows/a.yaml",
            flow("request", "{headers: [{header: Authorization, value: hunter2}]}"),
            "looks like a secret",
        ),
        ("flows/a.yaml", flow("request", "{headers: [{header: X, value: Bearer abcdefgh12}]}"), "looks like a secret"),
        ("flows/a.yaml", flow("request", "{url: 'https://me:pass@example.com/'}"), "looks like a secret"),
        ("flows/a.yaml", flow("request", "{url: 'https://hooks.slack.com/services/T0/B0/x'}"), "looks like a secret"),
        ("flows/a.yaml", flow("request", "{url: 'https://example.com/?token=abcdef123'}"), "looks like a secret"),
        ("flows/a.yaml", flow("exec", "{api_key: short}"), "looks like a secret"),
        *(
            ("flows/a.yaml", flow("log", f"{{message: {message}}}"), "looks like a secret")
            for message in (
                "ghp_abcdefghijklmnopqrstuv",
                "github_pat_abcdefghijklmnopqrstuv",
                "glpat-abcdefghijklmnopqrst",
                "xoxb-abcdefghijklmnopqrstuv",
                "AKIAABCDEFGHIJKLMNOP",
                "AIzaabcdefghijklmnopqrstuvwxyz",
                "sk_live_abcdefghijkl0mnopqrstuv",
                "pk_test_0abcdefghijklmnopqrstuv",
                "rk_live_abcdefghijklmnopqrstuv0",
                "sk-proj-abc_def-abcdefghijkl4mnopqrstuv",
                "sk-abcdefghijklmnopqrstuvwxyz4",
            )
        ),
    ],
)
def test_forbidden_content_is_found_without_directus(tmp_path: Path, name: str, text: str, what: str) -> None:
    with pytest.raises(InvalidResources, match=what):
        raise InvalidResources("\n".join(found(tmp_path, name, text)))


@pytest.mark.parametrize(
    "options",
    [
        "{headers: [{header: Authorization, value: 'Bearer {{$env.HOOK_TOKEN}}'}]}",
        "{url: 'https://example.com/?token={{$env.HOOK_TOKEN}}'}",
        "{url: 'https://example.com/tokens/list', method: GET}",
        "{token: '{{$trigger.body.token}}'}",
        "{message: skill-based-start}",
        "{message: sk-stage-1-results-2026-official}",
        "{message: sk-internationalisation}",
        "{message: task-based-start-2026}",
    ],
)
def test_a_flow_may_refer_to_the_environment_and_its_trigger(tmp_path: Path, options: str) -> None:
    assert found(tmp_path, "flows/a.yaml", flow("request", options)) == []


def test_a_layout_query_can_be_a_list(tmp_path: Path) -> None:
    assert found(tmp_path, "presets/events.yaml", "default: {layout_query: [{fields: [name]}]}\n") == []


def test_a_key_of_an_operation_may_contain_what_its_name_may_not(tmp_path: Path) -> None:
    text = FILES["flows/notice.yaml"].replace(
        "type: log, position: [37, 19]", "key: a/b, type: log, position: [37, 19]"
    )
    (row,) = Folder(resource_files.written(tmp_path, {"flows/notice.yaml": text})).live["operation:notice/failed"].rows
    assert row["key"] == "a/b"


def test_operations_in_a_circle_or_with_the_same_successor_are_found(tmp_path: Path) -> None:
    text = resource_files.FILES["flows/notice.yaml"]
    circles = text.replace("{message: two}", "{message: two}, resolve: first").replace(
        "[37, 19]", "[37, 19], resolve: failed"
    )
    assert sum("leads back to itself" in what for what in found(tmp_path, "flows/notice.yaml", circles)) == 2
    one = found(tmp_path, "flows/notice.yaml", text.replace("{message: two}", "{message: two}, reject: failed"))
    assert [what for what in one if "lead to the same operation" in what]


def test_the_project_s_own_files_have_no_findings_and_every_collection_has_a_list() -> None:
    (form,) = (form for form in FORMS if form.name == "resources")
    wanted = form.read(PROJECT, SCHEMA, forms.roles(PROJECT))
    assert wanted.findings == wanted.require_sound() == ()
    lists = {item.key.partition("/")[0] for item in wanted.items.values() if item.kind == "preset"}
    assert lists == {name for (name,), entry in SCHEMA.section("collections").items() if entry.get("schema")}


def test_each_file_is_read_once_so_that_the_checked_content_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[Path] = Counter()

    def counted(path: Path, kind: tree.FileKind) -> bytes:
        seen[path] += 1
        return path.read_bytes()

    monkeypatch.setattr(tree, "content", counted)
    roles = forms.roles(PROJECT)
    seen.clear()
    for form in FORMS:
        assert form.read(PROJECT, SCHEMA, roles).require_sound() == ()
    assert set(seen) == {*settings.access_files(PROJECT.access), *settings.resource_files(PROJECT.resources)}
    assert set(seen.values()) == {1}


# Pulls


def test_a_pull_without_differences_writes_nothing(folder: Folder) -> None:
    assert folder.pull() == {}


def test_a_pull_changes_only_the_lines_that_differ(folder: Folder) -> None:
    folder.edit("setting:project_name", value="Theirs")
    folder.edit("preset:events/-/-", layout_query={"tabular": {"fields": ["slug"], "sort": ["-starts_at"]}})
    folder.edit("panel:day/Events", position_y=9)
    folder.edit("operation:notice/first", resolve=None, options={"message": "1"})
    assert folder.pull() == {
        "settings.yaml": FILES["settings.yaml"].replace("Ours", "Theirs"),
        "presets/events.yaml": FILES["presets/events.yaml"].replace("[name, slug]", "[slug]"),
        "dashboards/day.yaml": FILES["dashboards/day.yaml"].replace("[1, 1]", "[1, 9]"),
        "flows/notice.yaml": FILES["flows/notice.yaml"].replace("message: one}\n    resolve: second", "message: '1'}"),
    }


def test_a_removed_item_is_removed_from_its_file_and_an_empty_file_is_removed(folder: Folder) -> None:
    del folder.live["preset:events/member/-"], folder.live["translation:sq-AL/hello"]
    assert folder.pull() == {
        "presets/events.yaml": FILES["presets/events.yaml"].partition("roles:")[0],
        "translations/sq-AL.yaml": None,
    }


def test_a_new_item_is_written_to_its_file_or_to_a_new_one(folder: Folder) -> None:
    folder.add("translation:en-US/yes", {"language": "en-US", "key": "yes", "value": "yes"})
    folder.add("dashboard:night", {"id": FLOW_ID, "name": "Night", "icon": "nightlight", "color": None, "note": None})
    assert folder.pull() == {
        "translations/en-US.yaml": "'yes': 'yes'\n",
        "dashboards/night.yaml": f"id: {FLOW_ID}\nname: Night\nicon: nightlight\n",
    }


def test_rows_with_the_same_name_are_written_as_a_list(folder: Folder) -> None:
    (row,) = folder.live["panel:day/Events"].rows
    nameless = {**row, "name": None}
    folder.live["panel:day/-"] = Resource("panel", "day/-", (nameless, {**nameless, "width": 13}))
    (text,) = folder.pull().values()
    assert text is not None
    resource_files.written(folder.path, {"dashboards/day.yaml": text})
    assert folder.wanted() == folder.live


@pytest.mark.parametrize("name", ["-", "a/b", "a,b", "%2D"])
def test_a_list_and_a_panel_may_have_any_name_beside_those_without_one(folder: Folder, name: str) -> None:
    (listed,), (panel,) = folder.live["preset:events/-/-"].rows, folder.live["panel:day/Events"].rows
    rows = [(PRESETS, listed), (PRESETS, {**listed, "bookmark": name}), (PANELS, {**panel, "name": None})]
    rows += [(PANELS, {**panel, "name": name}), (DASHBOARDS, folder.live["dashboard:day"].rows[0])]
    names = grouping.names_of(STUDIO, folder.live.values())
    there = grouping.grouped(STUDIO, [LiveRow(kind, row.get("id", 1), row) for kind, row in rows], names).items
    assert len(there) == len(rows)
    folder.live = dict(there)
    for path, text in folder.pull().items():
        (folder.path / path).unlink() if text is None else (folder.path / path).write_text(text, encoding="utf-8")
    assert folder.wanted() == folder.live


@pytest.mark.parametrize("name", ["a,b", "50%", "%2C"])
def test_a_language_and_a_collection_may_have_any_name_that_a_file_may_have(folder: Folder, name: str) -> None:
    row = {"language": name, "key": "hello", "value": "Hi"}
    folder.add(f"translation:{grouping.key_of(TRANSLATIONS, 1, row, {})}", row)
    assert folder.pull() == {f"translations/{name}.yaml": "hello: Hi\n"}


def test_a_null_in_an_option_is_kept(folder: Folder) -> None:
    folder.edit("panel:day/Stages", options={"collection": "stages", "filter": None, "limit": 5})
    (text,) = folder.pull().values()
    assert text is not None
    assert "options: {collection: stages, filter: null, limit: 5}" in text


def test_a_pull_removes_the_lists_of_a_missing_collection(folder: Folder) -> None:
    (form,) = (form for form in FORMS if form.name == "resources")
    loaded = dataclasses.replace(PROJECT, snapshot=folder.path / "schema.yaml")
    files = {loaded.resources / "presets" / "cars.yaml": DEFAULT.encode(), loaded.resources / "settings.yaml": b"{}\n"}
    live = {"setting:project_name": Resource("setting", "project_name", ({"field": "project_name", "value": "A"},))}
    changed = form.rewritten(loaded, files, live, ["preset:cars/-/-", "setting:project_name"], SCHEMA, ROLES)
    assert {path.name: content for path, content in changed.items()} == {
        "cars.yaml": None,
        "settings.yaml": b"project_name: A\n",
    }
