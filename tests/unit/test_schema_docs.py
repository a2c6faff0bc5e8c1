"""The pages about the data model: those of the repository are fresh, and what made-up schemas look like."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from directus_sync.catalog import Catalog, file
from directus_sync.schema import snapshot
from directus_sync.settings import ROOT
from tools.schema_docs import __main__ as command
from tools.schema_docs import mermaid, pages, reading, words

LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)]*))?\)")

# One line of a diagram, as Mermaid's grammar has it; looser than the grammar nowhere.
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
    """A field of a snapshot. given: its `meta`, and what its `schema` has beyond a nullable column."""
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
    """Return the cells of the first table row that begins so."""
    found = next(line for line in text.split("\n") if line.startswith(f"| {cell} |"))
    return [part.strip() for part in re.split(r"(?<!\\)\|", found)[1:-1]]


# A bit of everything that a schema may have.
STAGES = (
    collection("course", None, table=False, sort=2, note="Stages & zones."),
    collection("timing", None, table=False, sort=1),
    collection("stages", "course", sort=2),
    collection("zones", "course", sort=1, note="Where a *limit* holds | or not."),
    collection("zone_points", "zones"),
    collection("penalties", "timing"),
    collection("notes"),
    field(
        "stages.id", "uuid", "uuid", is_nullable=False, is_primary_key=True, is_unique=True, meta={"special": ["uuid"]}
    ),
    field("stages.name", is_nullable=False, max_length=40, meta={"required": True, "sort": 2}),
    field("stages.sort_order", "integer", "integer", is_nullable=False, default_value=0, meta={"sort": 1}),
    field("stages.input_id", "uuid", "uuid"),
    field("zones.id", "uuid", "uuid", is_nullable=False, is_primary_key=True),
    field("zones.geometry", "geometry.Polygon", "POLYGON", is_nullable=False),
    field("zones.distance", "decimal", "numeric", numeric_precision=8, numeric_scale=3),
    field("zones.code", is_unique=True, max_length=-5),
    field("zones.seen", "timestamp", "timestamp with time zone", meta={"special": ["date-updated"]}),
    alias("zones.points"),
    alias("zones.divider"),
    field("zone_points.zone_id", "uuid", "uuid", is_nullable=False),
    field("penalties.item", is_nullable=True, max_length=255),
    field("penalties.steward", "uuid", "uuid", is_unique=True),
    field("notes.text", "text", "text"),
    relation("stages.input_id", "stages", "SET NULL"),
    relation("zone_points.zone_id", "zones", "CASCADE", one_field="points"),
    relation("penalties.item", None, None, one_allowed_collections=["stages", "zones"]),
    relation("penalties.steward", "directus_users"),
)
RULES: Mapping[str, object] = {
    "extensions": ["postgis"],
    "tables": ["fixes"],
    "functions": {"touch()": "CREATE FUNCTION public.touch()\n RETURNS trigger\nAS $$ SELECT `1` $$"},
    "columns": {
        "fixes.device": "text NOT NULL",
        "fixes.stage_id": "uuid",
        "fixes.tags": "text[]",
        "fixes.at": "timestamp(3) with time zone DEFAULT now() NOT NULL",
        "fixes.double_speed": "double precision GENERATED ALWAYS AS ((speed * 2)) STORED",
    },
    "hypertables": {"fixes": "by_range('at', INTERVAL '1 day')"},
    "comments": {"fixes": "Every GPS fix.", "fixes.device": "the IMEI"},
    "constraints": {
        "fixes.fixes_pkey": "PRIMARY KEY (device, at)",
        "fixes.fixes_stage_id_fkey": "FOREIGN KEY (stage_id) REFERENCES public.stages(id) ON DELETE CASCADE",
        "stages.stages_sort_key": "UNIQUE (name, sort_order) DEFERRABLE INITIALLY DEFERRED",
        "penalties.penalties_item_key": "UNIQUE NULLS NOT DISTINCT (item, steward)",
        "zones.zones_check": "CHECK (((code)::text = ANY (ARRAY['a|b'::text])))",
        "directus_users.users_phone_check": "CHECK ((phone IS NOT NULL))",
    },
    "deferrable": {"zones.zones_code_unique": "DEFERRABLE"},
    "indexes": {
        "zones.zones_geometry_idx": "CREATE INDEX zones_geometry_idx ON public.zones "
        "USING gist (((geometry)::geography))",
        "stages.stages_one_idx": "CREATE UNIQUE INDEX stages_one_idx ON public.stages "
        "USING btree (lower(name)) WHERE (sort_order > 0)",
    },
    "triggers": {
        "zones.zones_touch": "CREATE TRIGGER zones_touch BEFORE UPDATE ON public.zones EXECUTE FUNCTION touch()"
    },
}


@pytest.fixture(scope="module")
def made_up() -> dict[str, str]:
    return rendered(*STAGES, **RULES)


# The repository's own


def test_the_pages_are_fresh() -> None:
    wanted = pages.render(reading.load(ROOT / "snapshots"))
    stale = command.compare(wanted, ROOT / "docs")
    assert not stale, f"stale: {', '.join(stale)}; run `make docs` and commit docs/"


def test_every_collection_and_table_is_described_once() -> None:
    found = reading.load(ROOT / "snapshots")
    names = [table.name for table in found.tables]
    parsed = snapshot.read(ROOT / "snapshots" / "schema.yaml")
    folders = {name for (name,), entry in parsed.section("collections").items() if not entry.get("schema")}
    assert sorted(names) == sorted(set(names))
    assert set(names) >= {name for (name,) in parsed.section("collections")} - folders
    assert {"positions", "directus_users"} <= set(names)


def test_the_readme_leads_to_the_overview() -> None:
    assert "(docs/schema.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


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


# The command


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The snapshots, and the pages made from them."""
    shutil.copytree(ROOT / "snapshots", tmp_path / "snapshots")
    (tmp_path / "docs").mkdir()
    assert command.main([], tmp_path) == 0
    return tmp_path


def test_a_second_run_writes_nothing(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert command.main([], checkout) == 0
    assert "up to date" in capsys.readouterr().out
    assert command.main(["--check"], checkout) == 0


def test_what_is_stale_is_named_and_then_written_anew(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = checkout / "docs"
    (docs / "schema" / "gone.md").write_text("of a group that was removed\n", encoding="utf-8")
    (docs / "schema.md").write_text("edited by hand\n", encoding="utf-8")
    (docs / "schema" / "event.md").unlink()
    assert command.main(["--check"], checkout) == 1
    told = capsys.readouterr().err
    assert re.findall(r"docs/(\S+) is stale", told) == ["schema.md", "schema/event.md", "schema/gone.md"]
    assert "make docs" in told
    assert command.main([], checkout) == 0
    assert command.main(["--check"], checkout) == 0
    assert not (docs / "schema" / "gone.md").exists()


def test_a_snapshot_that_can_t_be_read_is_named(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "snapshots" / "schema.yaml").write_text("version: 1\n", encoding="utf-8")
    assert command.main([], checkout) == 1
    assert "schema.yaml" in capsys.readouterr().err


# Pages


def test_each_folder_has_a_page_and_so_has_what_is_in_none(made_up: Mapping[str, str]) -> None:
    assert list(made_up) == [
        "schema.md", "schema/timing.md", "schema/course.md",
        "schema/ungrouped.md", "schema/directus.md", "schema/database.md",
    ]  # fmt: skip
    # In the order of the admin UI, and what is below a collection stays in its folder.
    assert re.findall(r"^## (.+)$", made_up["schema/course.md"], re.MULTILINE) == ["zones", "zone_points", "stages"]
    assert "Stages & zones." in made_up["schema/course.md"]


def test_folders_whose_names_are_alike_or_no_file_names_keep_their_own_pages() -> None:
    folders = ["../up", "Event", "event", "directus"]
    parts = [part for name in folders for part in (collection(name, table=False), collection(f"in {name}", name))]
    found = rendered(*parts, field("directus_users.phone"))
    assert list(found)[1:] == [
        "schema/___up.md", "schema/Event.md", "schema/event_.md", "schema/directus.md", "schema/directus_.md",
    ]  # fmt: skip
    assert "## directus_users" in found["schema/directus_.md"]


def test_groups_in_a_circle_end() -> None:
    assert "## a" in rendered(collection("a", "b"), collection("b", "a"))["schema/ungrouped.md"]


def test_fields_come_in_the_order_of_the_form_and_groups_hold_theirs() -> None:
    found = rendered(
        collection("c"),
        field("c.last"),
        field("c.inner", meta={"group": "box", "sort": 1}),
        field("c.second", meta={"sort": 2}),
        {**field("c.box", "alias", meta={"sort": 1}), "schema": None},
    )
    assert re.findall(r"^\| `(\w+)`", found["schema/ungrouped.md"], re.MULTILINE) == ["box", "inner", "second", "last"]


def test_a_field_says_type_need_default_and_key(made_up: Mapping[str, str]) -> None:
    course = made_up["schema/course.md"]
    assert row(course, "`name`") == ["`name`", "text, at most 40 characters", "yes", "", ""]
    assert row(course, "`sort_order`") == ["`sort_order`", "whole number", "in the database", "`0`", ""]
    assert row(course, "`geometry`")[1] == "polygon, SRID 4326"
    assert row(course, "`distance`")[1] == "decimal number, 8 digits, 3 of them after the point"
    assert row(course, "`code`")[1::3] == ["text", "unique"]
    assert row(course, "`input_id`")[1:] == ["UUID", "", "", "foreign"]
    assert row(course, "`seen`")[3] == "time of change"
    assert row(course, "`points`")[1] == "list of [zone_points](#zone_points) by `zone_id`"
    assert row(course, "`divider`")[1] == "no column, a part of the form"


def test_a_type_that_directus_would_not_make_is_named_as_it_is() -> None:
    found = rendered(
        collection("c"), field("c.search", "unknown", "tsvector"), field("c.n", "float", "double precision")
    )
    assert row(found["schema/ungrouped.md"], "`search`")[1] == "`tsvector`"
    assert row(found["schema/ungrouped.md"], "`n`")[1] == "number, double precision"


def test_choices_keep_their_order_and_a_validation_that_repeats_them_is_left_out() -> None:
    choices = [{"text": "B", "value": "b"}, {"text": "Group", "children": [{"text": "DQ, out", "value": "dq"}]}]
    validation = {"_and": [{"status": {"_in": ["b", "dq"]}}]}
    status = field("c.status", meta={"options": {"choices": choices}, "validation": validation})
    number = field("c.number", meta={"validation": {"_and": [{"number": {"_regex": "^a|b$"}}]}})
    page = rendered(collection("c"), status, number)["schema/ungrouped.md"]
    assert "- `status` is one of, in this order: `b`, `dq` (DQ, out).\n" in page
    assert "`status` must pass" not in page
    assert '- `number` must pass `{"_regex": "^a|b$"}`.\n' in page


def test_a_relation_says_how_many_and_what_a_deletion_does(made_up: Mapping[str, str]) -> None:
    course, timing, fixes = (made_up[f"schema/{stem}.md"] for stem in ("course", "timing", "database"))
    (itself,) = re.findall(r"^\| `input_id` \| \[stages\].*$", course, re.MULTILINE)
    assert itself == "| `input_id` | [stages](#stages) | many to at most one | SET NULL |"
    assert "| `zone_id` | [zones](#zones) | many to one | CASCADE | `points` |" in course
    assert (
        "one of [stages](course.md#stages), [zones](course.md#zones) | many to at most one | no foreign key |" in timing
    )
    assert "| `steward` | [directus_users](directus.md#directus_users) | one to at most one | RESTRICT |" in timing
    assert "| `stage_id` | [stages](course.md#stages) | many to at most one | CASCADE |" in fixes
    assert "Referred to from: [penalties](timing.md#penalties) by `steward`." in made_up["schema/directus.md"]


def test_lists_through_a_junction_name_the_other_side() -> None:
    found = rendered(
        collection("crews"), collection("members"), collection("people"),
        alias("crews.people"), field("members.crew"), field("members.person"),
        relation("members.crew", "crews", one_field="people", junction_field="person"),
        relation("members.person", "people", junction_field="crew"),
    )  # fmt: skip
    expected = "list of [people](#people) through [members](#members)"
    assert row(found["schema/ungrouped.md"], "`people`")[1] == expected


def test_all_that_the_database_has_is_on_the_page_of_its_table(made_up: Mapping[str, str]) -> None:
    course = made_up["schema/course.md"]
    assert row(course, "deferrable")[1:] == ["zones_code_unique", "`DEFERRABLE`"]
    assert row(course, "trigger")[1] == "zones_touch"
    assert "| index | zones_geometry_idx | `gist (((geometry)::geography))` |" in course
    assert "| index | stages_one_idx | `UNIQUE (lower(name)) WHERE (sort_order > 0)` |" in course
    # A bar would end the cell.
    assert r"'a\|b'::text" in course


def test_a_table_that_directus_does_not_know_is_described_from_the_catalog(made_up: Mapping[str, str]) -> None:
    page = made_up["schema/database.md"]
    assert "Every GPS fix." in page
    assert "by_range('at', INTERVAL '1 day')" in page
    assert row(page, "`device`") == ["`device`", "text", "yes", "", "primary", "the IMEI"]
    assert row(page, "`at`")[2:5] == ["yes", "`now()`", "primary"]
    assert row(page, "`double_speed`")[3] == "computed: `ALWAYS AS ((speed * 2)) STORED`"


def test_the_overview_lists_every_constraint_and_what_belongs_to_no_table(made_up: Mapping[str, str]) -> None:
    overview = made_up["schema.md"]
    constraints = RULES["constraints"]
    assert isinstance(constraints, dict)
    for name in constraints:
        assert f"| {name.partition('.')[2]} |" in overview
    assert "`UNIQUE NULLS NOT DISTINCT (item, steward)`" in overview
    assert "`UNIQUE (name, sort_order) DEFERRABLE INITIALLY DEFERRED`" in overview
    assert "stages_one_idx" in overview
    assert "zones_geometry_idx" not in overview
    assert "- extension postgis\n" in overview
    assert "AS $$ SELECT `1` $$" in overview


# Diagrams


def test_every_line_of_a_diagram_is_one_of_mermaid_s(made_up: Mapping[str, str]) -> None:
    for text in [*made_up.values(), *pages.render(reading.load(ROOT / "snapshots")).values()]:
        for line in "".join(diagrams(text)).splitlines():
            assert LINES.fullmatch(line), line


def test_a_diagram_has_keys_empty_columns_and_how_many(made_up: Mapping[str, str]) -> None:
    drawn = "".join(diagrams(made_up["schema.md"]))
    for line in (
        "    uuid id PK",
        "    geometry(Polygon) geometry",
        '    varchar item "null"',
        '    text[] tags "null"',
        '    numeric distance "null"',
        '    varchar code UK "null"',
        '    uuid input_id FK "null"',
        '    uuid steward FK, UK "null"',
        "    timestamptz at PK",
        '  "stages" |o--o{ "stages" : "input_id"',
        '  "zones" ||--o{ "zone_points" : "zone_id"',
        '  "stages" |o..o{ "penalties" : "item"',
        '  "zones" |o..o{ "penalties" : "item"',
        '  "directus_users" |o--o| "penalties" : "steward"',
        '  "stages" |o--o{ "fixes" : "stage_id"',
    ):
        assert f"{line}\n" in drawn
    # What Directus writes by itself, and what has no column.
    assert not re.search(r"\b(seen|points|divider)\b", drawn)


def test_a_table_without_relations_is_drawn_by_itself(made_up: Mapping[str, str]) -> None:
    related, alone = diagrams(made_up["schema.md"])
    assert '"notes"' not in related
    assert alone == 'erDiagram\n  "notes" {\n    text text "null"\n  }\n'


def test_a_group_s_diagram_shows_the_neighbours_as_empty_boxes(made_up: Mapping[str, str]) -> None:
    (drawn,) = diagrams(made_up["schema/timing.md"])
    assert '  "stages" |o..o{ "penalties" : "item"\n' in drawn
    assert '"stages" {' not in drawn
    assert '"zone_points"' not in drawn


def test_names_that_mermaid_would_misread_are_made_fit() -> None:
    parts = [
        collection('a"b%<i>'),
        collection("direction TB"),
        field('a"b%<i>.1st value'),
        field('a"b%<i>.PK'),
        field('a"b%<i>.größe'),
    ]
    found = reading.build(schema(*parts, relation('a"b%<i>.PK', 'a"b%<i>')), catalog())
    drawn = mermaid.diagram(found.tables, found.relations)
    assert drawn == (
        "erDiagram\n"
        '  "a_b__i_" |o--o{ "a_b__i_" : "PK"\n'
        '  "a_b__i_" {\n'
        '    varchar _1st_value "null"\n'
        '    varchar _PK FK "null"\n'
        '    varchar größe "null"\n'
        "  }\n"
        '  "direction_TB"\n'
    )


# Words


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain, with a-b and race_number", "plain, with a-b and race_number"),
        ("*all* of `it` [x](y) <b> ~a~ $x$", r"\*all\* of \`it\` \[x\](y) \<b\> \~a\~ \$x\$"),
        ("_so_ it is", r"\_so\_ it is"),
        ("two\n lines", "two lines"),
        ("1. first", r"1\. first"),
        ("# a heading", r"\# a heading"),
        ("- a list", r"\- a list"),
        ("M&amp;M & co", r"M\&amp;M & co"),
    ],
)
def test_text_shows_as_it_stands(raw: str, shown: str) -> None:
    assert words.text(raw) == shown


def test_code_bears_what_it_may_hold() -> None:
    assert words.code("a `b` c") == "``a `b` c``"
    assert words.code("`b`") == "`` `b` ``"
    assert words.code("") == ""


def test_a_column_of_a_table_that_is_empty_throughout_is_left_out() -> None:
    assert words.table(("A", "B"), [("a|b", ""), ("c", "")]) == ["| A |", "| --- |", r"| a\|b |", "| c |"]
