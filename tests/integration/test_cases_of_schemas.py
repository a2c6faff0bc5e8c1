"""Schemas that once could not be pushed: made with Directus or SQL, pulled, and pushed to another database.

Afterwards both databases must be equal, or the push must be refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psycopg

from tests.conftest import ROOT, RunningDirectus, Serving, Tool
from tests.making import collection, column, field, key, relation
from tests.snapshots import Edit, edited, without_collections, without_field

CASES: Final = ROOT / "tests" / "fixtures" / "cases"
# Texts that YAML, JavaScript or SQL could misread.
HOSTILE: Final = [
    "yes", "no", "~", "null", "NULL", "true", "1e3", "0x1F", "0o17", "017", "1_000", "1:30", "12:30:45", "2026-06-06",
    "2026-06-06T00:00:00Z", ".5", ".inf", ".nan", "-0", "+1", "=", "<<", "?", "-", "- a", ": ", "a: b", "a #b", "#c",
    "'q'", '"dq"', "it's", "a\\b\\n", "%tag", "@at", "`bt`", "&a", "*a", "!x", "|", "|2-", ">", "[a]", "{a: 1}",
    "  lead", "trail  ", "\tTab\t", "line1\nline2", "line1\nline2\n", "line1\nline2\n\n", "\nleading nl", "\n",
    "  indented\nsecond", "a\r\nb", "a\rb", "\u0085nel\u2028ls\u2029ps", "\ufeffbom", "emoji 😀👩‍👩‍👧 end",
    "rtl \u202eabc\u202c שלום", "\u0001ctl\u001f\u007f\u0080\u009f", f"{'x' * 200} {'y' * 200}",
    "long " + "w " * 300, "---", "...", "--- a", "a::b", "\ufffe\uffff", "k: |\n  block\n   more\n", " \n \n",
    "e\u0301", "\u00a0", "\u3000",
]  # fmt: skip
# Fields of `colons` that another database gets unchanged, and fields that are refused. By field: type and default.
DEFAULTS: Final = {
    "addr": ("string", "fe80:1"),
    "addr2": ("text", 'a\\b\nc "d" %s $1 ${x}'),
    "greeting": ("string", "Sorry we can't help"),
    "n1": ("integer", -1),
    "empty": ("string", ""),
    "nulspace": ("string", " null "),
    "quoted": ("string", "'x'"),
    "q2": ("string", '"x"'),
    "t": ("time", "10:00:00"),
    "d": ("date", "2026-06-06"),
    "ts": ("timestamp", "CURRENT_TIMESTAMP"),
    "b": ("boolean", True),
    "csv": ("csv", "a,b"),
    "j": ("json", json.dumps(["it's", "a:b"])),
}
REFUSED_DEFAULTS: Final = {
    "colons": ("string", "fe80::1"),
    "big": ("bigInteger", "9007199254740993"),
    "largest": ("bigInteger", "9223372036854775807"),
    "jj": ("json", json.dumps(["it's", "a::b"])),
}
SPECIAL: Final = {"csv": ["cast-csv"], "j": ["cast-json"], "jj": ["cast-json"]}

Make = Callable[[RunningDirectus], None]


def hostile_texts(running: RunningDirectus) -> None:
    """Use hostile texts in every place for a text, and numbers that YAML writes differently from JSON."""
    collection(running, "Hunt", icon="folder", note="a: b # c\n  yes\n\n\ttab  \n😀", collapse="locked", color="#1E3")
    translations = [
        {"language": "en-US", "translation": "yes", "singular": "1e3", "plural": "0x1F"},
        {"language": "ar-SA", "translation": "\u202e\u0627\u0644", "singular": "2026-01-01", "plural": "~"},
    ]
    template = '{{name}} yes: # "q"'
    fields = [key()]
    for number, text in enumerate(HOSTILE):
        name = text[:40] or "e"
        options = {"placeholder": text, name: text, "list": [text, {"deep": {name: [text]}}]}
        meta: dict[str, object] = {
            "note": text,
            "options": options,
            "validation_message": text,
            "interface": "input",
            "width": "half",
        }
        meta["translations"] = [{"language": "en-US", "translation": text}]
        fields.append({"field": f"h{number}", "type": "string", "schema": {}, "meta": meta})
    texts = {"note": "1e3", "display_template": template, "translations": translations}
    collection(running, "Things", *fields, group="Hunt", **texts)
    choices = {
        "choices": [{"text": "Yes", "value": "yes"}, {"text": "1e3", "value": "1e3"}, {"text": "~", "value": "~"}]
    }
    status = {"default_value": "1e3", "max_length": 40, "is_nullable": False}
    field(running, "Things", "status", "string", schema=status, meta={"options": choices})
    price = {"numeric_precision": 10, "numeric_scale": 5, "default_value": "0.10000"}
    field(running, "Things", "price", "decimal", schema=price)
    zero = {"numeric_precision": 15, "numeric_scale": 0, "default_value": 0}
    field(running, "Things", "zero", "decimal", schema=zero)
    cfg = json.dumps({"a": [1, 2, {"b": None}], "yes": "no"})
    field(running, "Things", "cfg", "json", schema={"default_value": cfg}, meta={"special": ["cast-json"]})
    field(running, "Things", "parent", "integer", meta={"special": ["m2o"]})
    relation(running, "Things", "parent", "Things", meta={"one_field": "children"})
    field(running, "Things", "children", "alias", meta={"interface": "list-o2m-tree-view", "special": ["o2m"]})
    numbers = {"min": -0.0, "max": 1e21, "step": 1e-7, "x": 0.1 + 0.2, "big": 12345678901234567890}
    field(running, "Things", "num", "float", meta={"options": numbers})


def typed_keys(running: RunningDirectus) -> None:
    """Create a table with a key that users type, and fields of Directus's own tables with spaces in their names."""
    fields = [
        column("title", "string", is_indexed=True),
        column("loc", "geometry.Point", "geometry.Point"),
        column("area", "geometry.MultiPolygon", "geometry.MultiPolygon"),
        column("secret", "hash", "hash"),
    ]
    meta = {"versioning": True, "accountability": None, "archive_field": "title", "archive_value": "yes"}
    meta |= {"unarchive_value": "no", "preview_url": "https://x/{{code}}?a=b#c", "singleton": False}
    collection(running, "Teams", key("code", "string", max_length=20), *fields, **meta)
    field(running, "directus_users", "Phone No", "string", schema={"is_unique": True, "max_length": 30})
    field(running, "directus_users", "team", "string", schema={"max_length": 20}, meta={"special": ["m2o"]})
    field(running, "Teams", "members", "alias", meta={"special": ["o2m"], "interface": "list-o2m"})
    members = {"one_field": "members", "one_deselect_action": "delete"}
    relation(running, "directus_users", "team", "Teams", meta=members, schema={"on_delete": "CASCADE"})
    licence = {"schema": {"default_value": "[]"}, "meta": {"special": ["cast-json"]}}
    field(running, "directus_files", "licence", "json", **licence)
    answer = running.http.patch("/fields/directus_users/last_name", json={"schema": {"is_indexed": True}})
    assert answer.status_code == 200, answer.text


def binary(running: RunningDirectus) -> None:
    """Create a field of type binary, for which Directus creates no column."""
    collection(running, "Files", key(), column("bin", "binary"))


def defaults(running: RunningDirectus) -> None:
    """Create defaults with quotes, colons and backslashes, for each type."""
    fields = [
        column(name, kind, *SPECIAL.get(name, []), default_value=default)
        for name, (kind, default) in (DEFAULTS | REFUSED_DEFAULTS).items()
    ]
    collection(running, "colons", key(), *fields)


def translations(running: RunningDirectus) -> None:
    """Create translations, a many-to-any relation and files in the way Directus's interfaces do."""
    collection(running, "languages", key("code", "string"), column("name", "string"))
    slug = column("Slug", "string", is_unique=True, is_nullable=False)
    collection(running, "My_Things", key(), slug, column("Parent", "integer", "m2o"))
    relation(running, "My_Things", "Parent", "My_Things", meta={"one_field": "Kids"})
    junctions = {
        "mt_translations": {"mt_id": "integer", "languages_code": "string", "title": "string"},
        "mt_blocks": {"mt_id": "integer", "item": "string", "collection": "string", "sort": "integer"},
        "mt_files": {"mt_id": "integer", "directus_files_id": "uuid"},
    }
    for name, fields in junctions.items():
        kind = "uuid" if name == "mt_blocks" else "integer"
        collection(running, name, key("id", kind), *(column(f, k) for f, k in fields.items()), hidden=True)
    for name, special in {"Kids": "o2m", "translations": "translations", "blocks": "m2a", "pics": "files"}.items():
        field(running, "My_Things", name, "alias", meta={"special": [special]})
    to_things = {"one_field": "translations", "junction_field": "languages_code"}
    relation(running, "mt_translations", "mt_id", "My_Things", meta=to_things)
    relation(running, "mt_translations", "languages_code", "languages", meta={"junction_field": "mt_id"})
    blocks = {"one_field": "blocks", "junction_field": "item", "sort_field": "sort"}
    relation(running, "mt_blocks", "mt_id", "My_Things", meta=blocks)
    anything = {"one_allowed_collections": ["languages", "My_Things", "mt_files"], "one_collection_field": "collection"}
    relation(running, "mt_blocks", "item", None, meta={**anything, "junction_field": "mt_id"})
    pics = {"one_field": "pics", "junction_field": "directus_files_id"}
    relation(running, "mt_files", "mt_id", "My_Things", meta=pics, schema={"on_delete": "CASCADE"})
    files = {"meta": {"junction_field": "mt_id"}, "schema": {"on_delete": "RESTRICT"}}
    relation(running, "mt_files", "directus_files_id", "directus_files", **files)


def without(item: str) -> Edit:
    """Leave an item out."""
    owner, _, name = item.partition(".")
    return without_field(owner, name) if name else without_collections(owner)


COMING: Final = (hostile_texts, typed_keys, translations)
# By schema, the items that another database does not get.
REFUSED: Final[dict[Make, set[str]]] = {
    binary: {"Files.bin"},
    defaults: {f"colons.{name}" for name in REFUSED_DEFAULTS},
}


def pulled_from(serve: Serving, file: Path, made: Iterable[Make]) -> None:
    """Create schemas in one database, and pull them."""
    with serve("bootstrapped") as running:
        for make in made:
            make(running)
        running.tool.done("pull", "--snapshot", file)
        assert running.tool("pull", "--snapshot", file).out.startswith("Nothing to pull")


def assert_comes(running: RunningDirectus, file: Path, *options: str) -> None:
    running.tool.done("push", "--snapshot", file, *options)
    assert running.tool("push", "--snapshot", file).out.startswith("Nothing to push")


def test_pulled_schemas_are_rebuilt_elsewhere_byte_for_byte(serve: Serving, tmp_path: Path) -> None:
    file = tmp_path / "schema.yaml"
    pulled_from(serve, file, COMING)
    with serve("bootstrapped") as running:
        # Nothing was ever deployed here, so the missing index could have been dropped on purpose.
        assert_comes(running, file, "--discard-live", "directus_users.last_name")
        assert running.export() == file.read_bytes()


def test_push_refuses_fields_that_cannot_be_rebuilt_and_accepts_the_rest(serve: Serving, tmp_path: Path) -> None:
    file = tmp_path / "schema.yaml"
    pulled_from(serve, file, REFUSED)
    refused = set().union(*REFUSED.values())
    with serve("bootstrapped") as running:
        running.tool.refused("not-rebuildable", "push", "--snapshot", file)
        diff = json.loads(running.tool("diff", "--json", "--snapshot", file).out)
        assert {item["id"] for item in diff["items"] if item["refused"]} == refused
        edited(file, *map(without, refused))
        assert_comes(running, file)


def test_the_catalog_lists_objects_with_any_name_and_text(deployed: Tool, snapshot_file: Path) -> None:
    statements = (CASES / "odd_objects.sql").read_text(encoding="utf-8")
    with deployed.database.connect() as connection:
        for statement in statements.strip().replace(";\n", ";\0").split("\0"):
            # Only one of TimescaleDB's two licences includes continuous aggregates.
            with suppress(psycopg.errors.FeatureNotSupported):
                connection.execute(statement)
    deployed.done("pull", "--snapshot", snapshot_file)
    deployed.done("check", "--snapshot", snapshot_file)
