"""Reading a snapshot: which files are accepted, and the error for each bad file."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from directus_sync.errors import InvalidSnapshot, WrongSettings
from directus_sync.schema import snapshot
from tests import snapshots
from tests.conftest import SNAPSHOT

SOURCE = "snapshots/schema.yaml"


def refusal(content: bytes | str, *forbidden: str) -> InvalidSnapshot:
    """Return the error that this content raises."""
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(InvalidSnapshot) as caught:
        snapshot.parse(raw, SOURCE, forbidden)
    return caught.value


def line_of(content: bytes | str, text: str) -> str:
    """Return `source:line` of the first line that begins with the text."""
    lines = (content.decode() if isinstance(content, bytes) else content).splitlines()
    return f"{SOURCE}:{next(number for number, line in enumerate(lines, 1) if line.strip().startswith(text))}"


def line_after(content: str, text: str) -> str:
    """Return `source:line` of the line after the first one that begins with the text."""
    return f"{SOURCE}:{int(line_of(content, text).rpartition(':')[2]) + 1}"


def edited(content: bytes, old: str, new: str) -> str:
    """Replace the first occurrence of a text, which must exist."""
    text = content.decode()
    assert old in text
    return text.replace(old, new, 1)


# A real export


def test_a_real_export_is_read(station: bytes) -> None:
    read = snapshot.parse(station, SOURCE, ("positions",))
    assert read.directus == "11.17.4"
    assert set(read.section("collections")) == {("country",), ("station",)}
    assert read.section("fields")["station", "code"]["type"] == "string"
    assert read.section("relations")["station", "country"]["related_collection"] == "country"


def test_the_hash_is_computed_from_the_bytes(events: bytes) -> None:
    assert snapshot.parse(events, SOURCE).sha256 == hashlib.sha256(events).hexdigest()


def test_an_error_names_the_file_that_was_read(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(b"- a\n")
    with pytest.raises(InvalidSnapshot) as caught:
        snapshot.read(path)
    assert caught.value.where == f"{path}:1"


def test_a_missing_file_is_a_wrong_setting_and_the_error_names_pull(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings) as caught:
        snapshot.read(tmp_path / "none.yaml")
    assert caught.value.exit_code == 2
    assert caught.value.where == str(tmp_path / "none.yaml")
    assert "directus-sync pull" in str(caught.value)


@pytest.mark.parametrize("change", ["\r\n", "\ufeff"])
def test_crlf_line_ends_and_a_byte_order_mark_are_accepted(events: bytes, change: str) -> None:
    text = events.decode()
    content = change + text if change == "\ufeff" else text.replace("\n", change)
    assert set(snapshot.parse(content.encode(), SOURCE).section("collections")) == {("events",)}


def test_a_folder_without_a_table_is_a_collection(events: bytes) -> None:
    folder = "collections:\n  - collection: places\n    meta: {}\n"
    read = snapshot.parse(edited(events, "collections:\n", folder).encode(), SOURCE)
    assert ("places",) in read.section("collections")


def test_custom_fields_in_directus_s_own_collections_are_allowed(events: bytes) -> None:
    field = "fields:\n  - collection: directus_users\n    field: phone\n    type: string\n    meta: {}\n"
    read = snapshot.parse(edited(events, "fields:\n", field).encode(), SOURCE)
    assert ("directus_users", "phone") in read.section("fields")


# Content that is not a mapping


@pytest.mark.parametrize(
    ("content", "what", "where"),
    [
        *((content, "the file is empty", SOURCE) for content in (b"", b"  \n\n", b"# only a comment\n", b"---\n")),
        (b"- a\n", "a list", f"{SOURCE}:1"),
        (b"hello\n", "a str", f"{SOURCE}:1"),
        (b"42\n", "a int", f"{SOURCE}:1"),
        *(
            (content, "not YAML", SOURCE)
            for content in (b"version: \xff\xfe\n", b"a\x00b", bytes(range(256)), b"\x1f\x8b")
        ),
        (b"a: 1\n---\nb: 2\n", "another document", f"{SOURCE}:2"),
    ],
)
def test_content_that_is_not_a_mapping_is_refused(content: bytes, what: str, where: str) -> None:
    error = refusal(content)
    assert what in error.what
    assert str(error.where).startswith(where)


def test_a_yaml_syntax_error_names_line_and_column(events: bytes) -> None:
    broken = edited(events, "    type: uuid", "    type: [uuid")
    error = refusal(broken)
    assert "not YAML" in error.what
    assert error.where is not None
    # The parser notices an open bracket on the next line.
    assert error.where.startswith(line_after(broken, "type: [uuid") + ":")


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    error = refusal(f"!!python/object/apply:os.mkdir ['{trace}']")
    assert "not YAML" in error.what
    assert not trace.exists()


# The root


@pytest.mark.parametrize("key", ["version", "directus", "vendor", "collections", "fields", "systemFields", "relations"])
def test_a_missing_root_key_is_refused_by_name(events: bytes, key: str) -> None:
    document = yaml.safe_load(events)
    del document[key]
    assert f"the key {key!r} is missing" in refusal(yaml.safe_dump(document)).what


@pytest.mark.parametrize(("collection", "field"), [("events", "name"), ("positions", "ts"), ("directus_users", "club")])
def test_a_system_index_of_another_field_than_directus_s_own_is_refused_at_its_line(
    events: bytes, collection: str, field: str
) -> None:
    document = yaml.safe_load(events)
    document["fields"].append({"collection": "directus_users", "field": "club", "type": "string", "meta": None})
    entry = {"collection": collection, "field": field, "schema": {"is_indexed": True}}
    document["systemFields"].append(entry)
    content = yaml.safe_dump(document, sort_keys=False)
    with pytest.raises(InvalidSnapshot, match=f"{collection}.{field}, which is not a field") as caught:
        snapshot.parse(content.encode(), SOURCE)
    line = content[: content.rindex(f"- collection: {collection}")].count("\n") + 1
    assert caught.value.where == f"{SOURCE}:{line}"


@pytest.mark.parametrize("key", ["1", "~", "2024-01-01", "true", "1.5", "? [a]\n", "? {a: b}\n"])
def test_a_root_key_that_is_not_a_text_is_refused(events: bytes, key: str) -> None:
    assert refusal(events.decode() + f"{key}: x\n").where


def test_an_error_in_a_utf_16_file_has_no_line(events: bytes) -> None:
    error = refusal(events.replace(b"version: 1", b"version: 2", 1).decode().encode("utf-16"))
    assert (error.where, "format 2" in error.what) == (SOURCE, True)


# The sections


@pytest.mark.parametrize("section", ["collections", "fields", "systemFields", "relations"])
@pytest.mark.parametrize("value", ["text", "{a: b}", "~", "7"])
def test_a_section_that_is_not_a_list_is_refused_at_its_line(events: bytes, section: str, value: str) -> None:
    document = yaml.safe_load(events)
    document[section] = yaml.safe_load(value)
    content = yaml.safe_dump(document, sort_keys=False)
    error = refusal(content)
    assert f"`{section}` must be a list" in error.what
    assert error.where == line_of(content, f"{section}:")


def test_a_snapshot_without_collections_is_refused(events: bytes) -> None:
    document = {**yaml.safe_load(events), "collections": []}
    content = yaml.safe_dump(document, sort_keys=False)
    error = refusal(content)
    assert "deletes every collection" in error.what
    assert error.where == line_of(content, "collections: []")


@pytest.mark.parametrize("section", ["collections", "fields", "systemFields", "relations"])
@pytest.mark.parametrize("entry", ["text", 7, None, ["a"]])
def test_an_entry_that_is_not_a_mapping_is_refused_at_its_line(station: bytes, section: str, entry: object) -> None:
    document = yaml.safe_load(station)
    document[section].insert(0, entry)
    content = yaml.safe_dump(document, sort_keys=False)
    error = refusal(content)
    assert f"an entry of `{section}` must be a mapping" in error.what
    assert error.where == line_after(content, f"{section}:")


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("collections", "collection"),
        ("collections", "meta"),
        ("fields", "collection"),
        ("fields", "field"),
        ("fields", "type"),
        ("fields", "meta"),
        ("systemFields", "field"),
        ("relations", "related_collection"),
    ],
)
def test_an_entry_without_a_key_is_refused(station: bytes, section: str, key: str) -> None:
    document = yaml.safe_load(station)
    del document[section][0][key]
    content = yaml.safe_dump(document, sort_keys=False)
    error = refusal(content)
    assert f"an entry of `{section}` has no `{key}`" in error.what
    assert error.where == line_after(content, f"{section}:")


@pytest.mark.parametrize("section", ["collections", "fields", "systemFields", "relations"])
def test_a_duplicate_entry_is_refused_at_its_line(station: bytes, section: str) -> None:
    document = yaml.safe_load(station)
    first = document[section][0]
    document[section].insert(1, dict(first))
    content = yaml.dump(document, sort_keys=False, Dumper=_NoAliases)
    error = refusal(content)
    name = ".".join(str(first[key]) for key in ("collection", "field") if key in first)
    assert f"`{section}` has {name} twice" in error.what
    start = int(line_of(content, f"{section}:").rpartition(":")[2])
    entries = [
        number for number, line in enumerate(content.splitlines(), 1) if number > start and line.startswith("- ")
    ]
    assert error.where == f"{SOURCE}:{entries[1]}"


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


# Tables that Alembic owns


@pytest.mark.parametrize("section", ["collections", "fields", "relations"])
def test_a_table_that_alembic_owns_is_refused_with_its_line_and_name(station: bytes, section: str) -> None:
    document = yaml.safe_load(station)
    document[section][0]["collection"] = "positions"
    content = yaml.safe_dump(document, sort_keys=False)
    error = refusal(content, "positions")
    assert "positions, a table that Alembic owns" in error.what
    assert error.where == line_of(content, "- collection: positions")
    assert "DB_EXCLUDE_TABLES" in str(error)


def test_a_relation_to_a_table_that_alembic_owns_is_refused(station: bytes) -> None:
    error = refusal(edited(station, "related_collection: country", "related_collection: positions"), "positions")
    assert "positions, a table that Alembic owns" in error.what


# The old and the new text of an edit, the complaint, and the start of the line that the error names.
EDITS: list[tuple[str, str, str, str]] = [
    ("version: 1", "# moved down\nversion: 2", "format 2", "version: 2"),
    ("vendor: postgres", "vendor: sqlite", "'sqlite'", "vendor:"),
    *(
        ("directus: 11.17.4", f"directus: {version}", "`directus` must be a version", "directus:")
        for version in ("11.17", "main", "11.x.4", "'11.17'", "11.17.4.")
    ),
    ("relations: []", "relations: []\nflows: []", "'flows'", "flows:"),
    ("relations: []", "relations: &r []\nflows: *r", "an alias", "flows:"),
    # The markers of an unresolved merge. Directus refuses such a file, too.
    ("relations: []", "<<<<<<< HEAD\nrelations: []\n=======", "not YAML", "relations:"),
    ("vendor: postgres", "vendor: postgres\nvendor: mysql", "twice", "vendor: mysql"),
    *(("note: null", f'note: "{text}"', "the character NUL, which", "note:") for text in ("a\\0b", "\\x00")),
    ("type: uuid\n", "type: uuid\n    typo: 1\n", "unknown key 'typo' in an entry of `fields`", "typo:"),
    *(
        ("- collection: events", f"- collection: {name}", "an entry of `collections` has no name", "- collection:")
        for name in ("7", "true", "''", "~", "[a]", "{a: b}")
    ),
    ("events\n    field: id", "gone\n    field: id", "an entry of gone, which is not in `coll", "- collection: gone"),
    ("      field: id\n", "", "`meta.field` of events.id must be id", ""),
    ("      field: id\n", "      field: ids\n", "`meta.field` of events.id must be id", ""),
    ("      table: events\n", "      table: entries\n", "`schema.table` of events.id must be events", ""),
    ("      sort: 1\n", "      sort: 1 - m2o\n", "`meta.sort` of events.id must be an integer, not '1 - m2o'", ""),
    ("max_length: null\n", "max_length: 10.0\n", "`schema.max_length` of events.id must be an integer, not 10.0", ""),
    ("max_length: null\n", "max_length: '10'\n", "`schema.max_length` of events.id must be an integer, not '10'", ""),
    ("hidden: false\n", "hidden: 0\n", "`meta.hidden` of events must be true or false, not 0", ""),
    ("    schema:\n      name: events\n", "    schema: events\n", "`schema` of events must be a mapping", ""),
]


@pytest.mark.parametrize(("old", "new", "complaint", "line"), EDITS)
def test_a_bad_edit_is_refused_at_its_line(events: bytes, old: str, new: str, complaint: str, line: str) -> None:
    content = edited(events, old, new)
    error = refusal(content)
    assert complaint in error.what
    # The error may also have a column.
    assert not line or f"{error.where}:".startswith(f"{line_of(content, line)}:")


def test_a_refusal_names_git_and_pull_as_ways_to_restore_the_file() -> None:
    assert "git" in str(refusal(b""))
    assert "directus-sync pull" in str(refusal(b""))
    assert refusal(b"").exit_code == 4


# The version


def test_a_snapshot_of_the_running_directus_version_is_accepted(events: bytes) -> None:
    snapshot.require_version(snapshot.parse(events, SOURCE), "11.17.4")


@pytest.mark.parametrize("version", ["11.17.5", "11.18.0", "12.0.0", "11.17", "11.17.4-rc.1"])
def test_a_snapshot_of_another_directus_version_is_refused_at_its_line(events: bytes, version: str) -> None:
    with pytest.raises(InvalidSnapshot) as caught:
        snapshot.require_version(snapshot.parse(events, SOURCE), version)
    assert f"the snapshot is from Directus 11.17.4, but this Directus is {version}" in caught.value.what
    assert caught.value.where == f"{SOURCE}:2"
    assert "directus-sync pull" in str(caught.value)


# Arbitrary content is read or refused, and never raises another exception


WITHOUT_LIBYAML = """
import sys, yaml
del yaml.CSafeLoader
from directus_sync import errors
from directus_sync.schema import snapshot
assert snapshot.read(snapshot.Path(sys.argv[1])).section("collections")
for escape in ("00110000", "FFFFFFFF"):
    try:
        snapshot.parse(f'a: "\\\\U{escape}"'.encode(), "schema.yaml")
    except errors.InvalidSnapshot:
        print("refused")
"""


def test_a_snapshot_is_read_and_refused_without_libyaml_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBYAML, SNAPSHOT],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "refused\n" * 2


TEXTS = st.sampled_from(["events", "notes", "positions", "postgres", "11.17.4", "directus_users", "", "0x_", "=", "<<"])
SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | TEXTS | st.dates() | st.binary(max_size=3)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.integers(0, 2), inner, max_size=4),
    max_leaves=12,
)
VALID: dict[str, Any] = {
    "version": 1,
    "directus": "11.17.4",
    "vendor": "postgres",
    "collections": [{"collection": "events", "meta": {}, "schema": {"name": "events"}}],
    "fields": [{"collection": "events", "field": "notes", "type": "text", "meta": {}, "schema": {}}],
    "systemFields": [{"collection": "directus_activity", "field": "timestamp", "schema": {"is_indexed": True}}],
    "relations": [{"collection": "events", "field": "notes", "related_collection": "events", "meta": {}, "schema": {}}],
}
Place = tuple[str] | tuple[str, int] | tuple[str, int, str]
PLACES: list[Place] = [
    *((key,) for key in VALID),
    *((section, 0) for section in VALID if isinstance(VALID[section], list)),
    *((section, 0, key) for section in VALID if isinstance(VALID[section], list) for key in VALID[section][0]),
]


@st.composite
def nearly_valid(draw: st.DrawFn) -> dict[str, Any]:
    """Return a valid snapshot with arbitrary values in one or two places."""
    document = copy.deepcopy(VALID)
    # The longest path first, so that no parent is replaced before its parts.
    for *way, last in sorted(draw(st.sets(st.sampled_from(PLACES), min_size=1, max_size=2)), key=len, reverse=True):
        parent: Any = document
        for step in way:
            parent = parent[step]
        parent[last] = draw(DOCUMENTS)
    return document


def test_the_snapshot_that_nearly_valid_changes_is_valid() -> None:
    snapshot.parse(yaml.safe_dump(VALID).encode(), SOURCE, ("positions",))


SYNTAX = st.text("ab:-[]{}&*!|>?<~#'\" \n0x_1,", max_size=40)


@given((DOCUMENTS | nearly_valid()).map(lambda document: yaml.safe_dump(document).encode()))
@settings(max_examples=400)
def test_arbitrary_documents_are_refused_or_read(content: bytes) -> None:
    accept_or_refuse(content)


@given(st.binary(max_size=200) | SYNTAX.map(str.encode))
@settings(max_examples=200)
def test_arbitrary_bytes_are_refused_or_read(content: bytes) -> None:
    accept_or_refuse(content)


def accept_or_refuse(content: bytes) -> None:
    """Require that the content is read or refused, and that a refusal names the file."""
    where: str | None = SOURCE
    try:
        snapshot.parse(content, SOURCE, ("positions",))
    except InvalidSnapshot as error:
        where = error.where
    assert where is not None
    assert where.startswith(SOURCE)


@pytest.mark.parametrize("note", ["0x_", "0b_"])
def test_a_note_that_directus_writes_without_quotes_is_read_as_text(events: bytes, note: str) -> None:
    # Directus exports these without quotes, and PyYAML would read them as numbers.
    content = edited(events, "note: null", f"note: {note}")
    read = snapshot.parse(content.encode(), SOURCE)
    assert read.section("collections")["events",]["meta"]["note"] == note


@pytest.mark.parametrize("value", ["2024-99-99", "!!timestamp x", "!!int x", "!!bool x", "!!float x", "9" * 5000])
def test_a_malformed_date_or_number_is_refused_or_read_as_text(events: bytes, value: str) -> None:
    accept_or_refuse(edited(events, "directus: 11.17.4", f"directus: {value}").encode())


@pytest.mark.parametrize("value", ["[country]", "{a: b}", "7"])
def test_a_related_collection_that_is_not_a_name_is_refused(station: bytes, value: str) -> None:
    assert (
        "related_collection"
        in refusal(edited(station, "related_collection: country", f"related_collection: {value}")).what
    )


def test_an_export_as_json_reads_like_the_file() -> None:
    document = snapshots.load(SNAPSHOT.read_bytes())
    live = snapshot.exported(json.loads(json.dumps(document)), "http://directus", ["positions"])
    file = snapshot.read(SNAPSHOT)
    assert (live.sections, live.directus) == (file.sections, file.directus)
    assert snapshot.exported({**document, "collections": [], "fields": [], "relations": []}, "http://directus").directus
    with pytest.raises(InvalidSnapshot, match="http://directus"):
        snapshot.exported({**document, "collections": None}, "http://directus")


def test_a_base_with_entries_of_another_snapshot_can_be_read_with_odd_values_too(station: bytes) -> None:
    """The values: a character beyond Unicode's first plane, and an infinite default, which JSON cannot express."""
    content = station.replace(b"as painted on the mast", "\N{CHEQUERED FLAG} 1e3".encode())
    content = content.replace(b"default_value: null", b"default_value: .inf", 1)
    ours, theirs = snapshot.parse(content, SOURCE), snapshot.parse(station, "server")
    merged = ours.with_entries(theirs, [("fields", ("country", "name"))])
    again = snapshot.parse(merged.content, "the base")
    assert again.sections == merged.sections
    assert again.section("fields")["station", "code"]["meta"]["note"] == "\N{CHEQUERED FLAG} 1e3"


def test_a_base_has_no_fields_of_a_removed_collection(station: bytes) -> None:
    wanted = snapshot.parse(station, SOURCE)
    empty = snapshot.empty(wanted)
    base = wanted.with_entries(empty, [("collections", ("station",))])
    assert {key[0] for key in base.section("fields")} == {"country"}
    snapshot.parse(base.content, "the base")


@pytest.mark.parametrize(("special", "read"), [(["conceal"], True), (["other"], False), (None, False)])
def test_a_geometry_has_the_type_that_directus_exports_for_its_special(
    station: bytes, special: list[str] | None, read: bool
) -> None:
    document: dict[str, Any] = yaml.safe_load(station)
    entry = next(field for field in document["fields"] if field["schema"] and not field["schema"]["is_primary_key"])
    entry["type"], entry["schema"]["data_type"], entry["meta"]["special"] = "conceal", "POINT", special
    content = yaml.safe_dump(document).encode()
    with nullcontext() if read else pytest.raises(InvalidSnapshot, match="must be a type of Directus"):
        snapshot.parse(content, "schema.yaml")
