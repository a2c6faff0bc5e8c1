"""The generated pages about the data model, of the repository and of a made-up schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from directus_sync.catalog import Catalog, file
from directus_sync.schema import snapshot
from directus_sync.settings import ROOT
from tools.schema_docs import pages, reading, words

LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)]*))?\)")

# One line of a diagram, at least as strict as Mermaid's grammar.
NAME = r'"[\w.-]+(?:, [\w.-]+)*"'
WORD = r"[A-Za-z_\u00C0-\uFFFF][\w()\[\]\u00C0-\uFFFF]*"
LINES = re.compile(
    rf"erDiagram|  {NAME} (?:\|\||\|o)(?:--|\.\.)(?:o\{{|o\|) {NAME} : {NAME}|  {NAME}(?: \{{)?"
    rf"|    {WORD} (?!(?i:pk|fk|uk)\b){WORD}(?: (?:PK|FK|UK)(?:, (?:PK|FK|UK))*)?(?: \"null\")?|  \}}"
)


def collection(name: str, group: str | None = None, *, table: bool = True, **meta: object) -> dict[str, Any]:
    return {
        "collection": name,
        "meta": {"collection": name, "group": group, **meta},
        "schema": {"name": name} if table else None,
    }


def field(name: str, kind: str = "string", data_type: str = "character varying", **given: Any) -> dict[str, Any]:
    """Return a field of a snapshot. given: its `meta`, and more properties of its nullable column."""
    owner, _, own = name.partition(".")
    meta = {"collection": owner, "field": own, **given.pop("meta", {})}
    column = {"table": owner, "name": own, "data_type": data_type, "is_nullable": True, **given}
    return {"collection": owner, "field": own, "type": kind, "meta": meta, "schema": column}


def alias(name: str) -> dict[str, Any]:
    return {**field(name, "alias"), "schema": None}


def relation(name: str, related: str | None, on_delete: str | None = "RESTRICT", **meta: object) -> dict[str, Any]:
    owner, _, own = name.partition(".")
    meta = {"many_collection": owner, "many_field": own, **meta}
    schema = {"table": owner, "column": own, "on_delete": on_delete} if on_delete is not None else None
    return {"collection": owner, "field": own, "related_collection": related, "meta": meta, "schema": schema}


def schema(*parts: dict[str, Any]) -> snapshot.Snapshot:
    document: dict[str, Any] = {"version": 1, "directus": "11.17.4", "vendor": "postgres", "systemFields": []}
    document["collections"] = [part for part in parts if "field" not in part]
    document["fields"] = [part for part in parts if "type" in part]
    document["relations"] = [part for part in parts if "related_collection" in part]
    return snapshot.parse(yaml.safe_dump(document).encode(), "made up")


def catalog(**sections: object) -> Catalog:
    return file.parse(yaml.safe_dump(sections).encode(), "made up")


def rendered(*parts: dict[str, Any], **sections: object) -> dict[str, str]:
    return pages.render(reading.build(schema(*parts), catalog(**sections)))


def diagrams(text: str) -> list[str]:
    return re.findall(r"^```mermaid\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def row(text: str, cell: str) -> list[str]:
    """Return the cells of the first table row that begins with this cell."""
    found = next(line for line in text.split("\n") if line.startswith(f"| {cell} |"))
    return [part.strip() for part in re.split(r"(?<!\\)\|", found)[1:-1]]


# Things that the repository's own schema lacks. The committed pages show the rest.
PARTS = (
    collection("course", table=False),
    collection("stages", "course"),
    collection("zones", "course"),
    collection("zone_points", "zones"),
    collection("penalties"),
    collection("notes"),
    field("stages.id", "uuid", "uuid", is_nullable=False, is_primary_key=True),
    field("zones.id", "uuid", "uuid", is_nullable=False, is_primary_key=True),
    field("zones.code", is_unique=True, max_length=-5),
    alias("zones.divider"),
    field("penalties.item", max_length=255),
    field("penalties.steward", "uuid", "uuid", is_unique=True),
    field("notes.text", "text", "text"),
    field("notes.search", "unknown", "tsvector"),
    relation("penalties.item", None, None, one_allowed_collections=["stages", "zones"]),
    relation("penalties.steward", "directus_users"),
)
RULES: Mapping[str, object] = {
    "tables": ["fixes"],
    "functions": {"touch()": "CREATE FUNCTION public.touch()\n RETURNS trigger\nAS $$ SELECT `1` $$"},
    "columns": {
        "fixes.stage_id": "uuid",
        "fixes.tags": "text[]",
        "fixes.at": "timestamp(3) with time zone DEFAULT now() NOT NULL",
        "fixes.double_speed": "double precision GENERATED ALWAYS AS ((speed * 2)) STORED",
    },
    "constraints": {
        "fixes.fixes_pkey": "PRIMARY KEY (at)",
        "fixes.fixes_stage_id_fkey": "FOREIGN KEY (stage_id) REFERENCES public.stages(id) ON DELETE CASCADE",
        "zones.zones_check": "CHECK (((code)::text = ANY (ARRAY['a|b'::text])))",
        "directus_users.users_phone_check": "CHECK ((phone IS NOT NULL))",
    },
    "deferrable": {"zones.zones_code_unique": "DEFERRABLE"},
    "indexes": {
        "stages.stages_one_idx": "CREATE UNIQUE INDEX stages_one_idx ON public.stages "
        "USING btree (lower(id)) WHERE (id > 0)",
    },
}


@pytest.fixture(scope="module")
def made_up() -> dict[str, str]:
    return rendered(*PARTS, **RULES)


# The repository's own pages


def test_every_collection_and_table_is_described_once() -> None:
    found = reading.load(ROOT / "snapshots")
    names = [table.name for table in found.tables]
    parsed = snapshot.read(ROOT / "snapshots" / "schema.yaml")
    folders = {name for (name,), entry in parsed.section("collections").items() if not entry.get("schema")}
    assert sorted(names) == sorted(set(names))
    assert set(names) >= {name for (name,) in parsed.section("collections")} - folders
    assert {"positions", "directus_users"} <= set(names)


@pytest.mark.parametrize("source", ["repository", "made up"])
def test_every_page_is_linked_and_every_link_leads_somewhere(source: str, made_up: Mapping[str, str]) -> None:
    texts = made_up if source == "made up" else pages.render(reading.load(ROOT / "snapshots"))
    linked = set()
    for name, text in texts.items():
        headings = {words.anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        for target, anchor in LINK.findall(text):
            path = (Path(name).parent / target).as_posix() if target else name
            path = "schema.md" if path == "schema/../schema.md" else path
            linked.add(path)
            assert path in texts, f"{name}: {target}"
            if path == name and anchor:
                assert anchor in headings, f"{name}: {anchor}"
            elif anchor:
                assert re.search(rf"^## {anchor}$", texts[path], re.MULTILINE), f"{name}: {target}#{anchor}"
    assert linked == set(texts)


# Pages


def test_each_folder_has_a_page_and_collections_without_one_share_a_page(made_up: Mapping[str, str]) -> None:
    pages_of = {name: re.findall(r"^## (\w+)$", text, re.MULTILINE) for name, text in made_up.items()}
    assert list(pages_of.items())[1:] == [
        # A collection inside another collection is on the page of its folder.
        ("schema/course.md", ["stages", "zones", "zone_points"]),
        ("schema/ungrouped.md", ["penalties", "notes"]),
        ("schema/directus.md", ["directus_users"]),
        ("schema/database.md", ["fixes"]),
    ]


def test_unusual_fields_relations_and_rules_are_described(made_up: Mapping[str, str]) -> None:
    overview, course, others, users, fixes = made_up.values()
    assert row(course, "`code`")[1:] == ["text", "", "unique"]
    assert row(course, "`divider`")[1] == "no column, a part of the form"
    assert row(course, "deferrable")[1:] == ["zones_code_unique", "`DEFERRABLE`"]
    # An unescaped bar would end the cell.
    assert r"'a\|b'::text" in course
    assert "| index | stages_one_idx | `UNIQUE (lower(id)) WHERE (id > 0)` |" in course
    assert row(others, "`search`")[1] == "`tsvector`"
    several = "one of [stages](course.md#stages), [zones](course.md#zones)"
    assert f"| `item` | {several} | many to at most one | no foreign key |" in others
    assert "| `steward` | [directus_users](directus.md#directus_users) | one to at most one | RESTRICT |" in others
    assert "Referred to from: [penalties](ungrouped.md#penalties) by `steward`." in users
    assert row(fixes, "`at`")[2:5] == ["yes", "`now()`", "primary"]
    assert row(fixes, "`double_speed`")[3] == "computed: `ALWAYS AS ((speed * 2)) STORED`"
    assert "| `stage_id` | [stages](course.md#stages) | many to at most one | CASCADE |" in fixes
    assert "AS $$ SELECT `1` $$" in overview
    assert "| users_phone_check |" in overview


# Diagrams


def test_every_line_of_a_diagram_is_valid_mermaid(made_up: Mapping[str, str]) -> None:
    for text in [*made_up.values(), *pages.render(reading.load(ROOT / "snapshots")).values()]:
        for line in "".join(diagrams(text)).splitlines():
            assert LINES.fullmatch(line), line
