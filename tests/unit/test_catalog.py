"""The catalog without a database: its file, the comparison, and the SQL that restores an object."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg2 import sql

from directus_sync.catalog import (
    Catalog,
    Difference,
    Drift,
    Kind,
    Object,
    compare,
    concurrent_indexes,
    identifier,
    printed,
)
from directus_sync.catalog import file as catalog_file
from directus_sync.catalog import restore as catalog_restore
from directus_sync.catalog.statements import statements
from directus_sync.errors import CatalogDrift, InvalidCatalog

KEY = Object(Kind.CONSTRAINT, "events.events_organization_id_slug_key")
UNIQUE = "UNIQUE (organization_id, slug)"
INDEX = Object(Kind.INDEX, "positions.positions_ts")

# PostgreSQL allows all characters in names and texts, except NUL and surrogates.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
identifiers = st.builds(identifier, st.one_of(st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True), texts))


@st.composite
def objects(draw: st.DrawFn) -> tuple[Object, str]:
    kind = draw(st.sampled_from(Kind))
    name = draw(identifiers)
    if kind in {Kind.COLUMN, Kind.CONSTRAINT, Kind.DEFERRABLE, Kind.INDEX, Kind.TRIGGER}:
        name = f"{name}.{draw(identifiers)}"
    if kind is Kind.FUNCTION:
        name = f"{name}(integer, text)"
    return Object(kind, name), draw(texts) if kind.defined else ""


definitions = st.dictionaries(objects().map(lambda pair: pair[0]), st.none()).flatmap(
    lambda items: st.fixed_dictionaries({item: texts if item.kind.defined else st.just("") for item in items})
)
catalogs = st.builds(Catalog, definitions)


@given(catalogs)
@example(Catalog({}))
@example(Catalog({Object(Kind.FUNCTION, "f()"): "CREATE\n  BODY\n\n"}))
@example(Catalog({KEY: "a\x85b\nc\u2028\nd"}))
@example(Catalog({KEY: " \n indented, and a tab\t\n\r\n"}))
@example(Catalog({Object(Kind.COLUMN, "t.c"): "null"}))
def test_a_written_catalog_reads_back_equal(catalog: Catalog) -> None:
    assert catalog_file.parse(catalog_file.dump(catalog), "catalog.yaml").definitions == catalog.definitions


@given(catalogs, catalogs)
def test_every_differing_object_is_named_once(expected: Catalog, actual: Catalog) -> None:
    assert compare(expected, expected) == ()
    differences = compare(expected, actual)
    found = {difference.object: difference.kind for difference in differences}
    assert [difference.object for difference in differences] == sorted(found)
    for item in expected.definitions.keys() | actual.definitions.keys():
        wanted, there = expected.definitions.get(item), actual.definitions.get(item)
        if wanted == there:
            assert item not in found
        elif wanted is None:
            assert found[item] is Drift.UNEXPECTED
        else:
            assert found[item] is (Drift.MISSING if there is None else Drift.CHANGED)


@given(st.one_of(st.binary(), texts.map(str.encode)))
@example(b"[" * 100_000 + b"]" * 100_000)
@example(b"[" * 100_000)
@example(b"{{}: 1}")
@example(b"tables: [!!str [a]]")
@example(b"&a [*a]")
@example(b"a: 1\n---\nb: 2")
def test_a_file_that_is_not_a_catalog_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(InvalidCatalog) as caught:
        catalog_file.parse(content, "catalog.yaml")
    assert str(caught.value.where).startswith("catalog.yaml")
    assert "directus-sync pull" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("", None, "a catalog must be a mapping of sections"),
        ("- extensions\n", 1, "a catalog must be a mapping of sections"),
        ("extensions:\n- a\n- [b\n", 4, "it is not YAML"),
        ("extensions:\n- a\nsurprises: {}\n", 3, "unknown section 'surprises'"),
        ("extensions:\n  a: b\n", 1, "`extensions` must be a list of names"),
        ("constraints:\n- a\n", 1, "`constraints` must be a mapping of names to definitions"),
        ("constraints:\n  a.b: UNIQUE (c)\n  a.d:\n", 3, "a name or definition in `constraints` is not text"),
        ("constraints:\n  a.b: UNIQUE (c)\n  a.b: UNIQUE (d)\n", 3, "it has the key 'a.b' twice"),
        ("constraints:\n  a.b: UNIQUE (c)\n  b: UNIQUE (d)\n", 3, "'b' is not the name of a constraint"),
        ("tables:\n- a\n- a; DROP TABLE b\n", 3, "is not the name of a table"),
        ("tables: [a]\ntables: [b]\n", 2, "it has the key 'tables' twice"),
        ("? [a]\n: b\n", 1, "it has a key that is a collection or an alias"),
    ],
)
def test_an_error_in_the_file_names_the_line(tmp_path: Path, text: str, line: int | None, complaint: str) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidCatalog) as caught:
        catalog_file.load(path)
    assert complaint in caught.value.what
    assert caught.value.where == (str(path) if line is None else f"{path}:{line}")
    assert caught.value.next is not None
    assert (caught.value.id, caught.value.exit_code) == ("invalid-catalog", 4)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalog, match="No such file") as caught:
        catalog_file.load(tmp_path / "catalog.yaml")
    assert caught.value.where == str(tmp_path / "catalog.yaml")


def test_the_file_has_a_header_and_readable_definitions() -> None:
    function = Object(Kind.FUNCTION, "touch()")
    catalog = Catalog(
        {KEY: UNIQUE, function: "CREATE FUNCTION public.touch()\nAS 'x'\n", Object(Kind.EXTENSION, "postgis"): ""},
        invalid={INDEX: "CREATE INDEX ..."},
    )
    assert catalog_file.dump(catalog).decode() == (
        catalog_file.HEADER + "extensions:\n- postgis\n"
        "functions:\n  touch(): |\n    CREATE FUNCTION public.touch()\n    AS 'x'\n"
        "constraints:\n  events.events_organization_id_slug_key: UNIQUE (organization_id, slug)\n"
    )
    assert "never edited by hand" in catalog_file.HEADER


def sql_of(difference: Difference) -> list[str]:
    """Return the SQL that restores an object. Names must not contain quotes."""

    def text(part: sql.Composable) -> str:
        if isinstance(part, sql.Composed):
            return "".join(map(text, part.seq))
        if isinstance(part, sql.Identifier):
            return ".".join(f'"{name}"' for name in part.strings)
        return str(getattr(part, "string", part))

    return [text(statement) for statement in statements(difference)]


def test_an_invalid_index_counts_as_missing() -> None:
    expected = Catalog({INDEX: "CREATE INDEX a"})
    actual = Catalog({}, invalid={INDEX: "CREATE INDEX a"})
    (difference,) = compare(expected, actual)
    assert difference == Difference(Drift.MISSING, INDEX, "CREATE INDEX a", "CREATE INDEX a")
    assert sql_of(difference) == ['DROP INDEX "public"."positions_ts"', "CREATE INDEX a"]


def test_an_invalid_index_with_the_name_of_a_constraint_is_dropped() -> None:
    actual = Catalog({}, invalid={Object(Kind.INDEX, KEY.name): "CREATE UNIQUE INDEX ..."})
    (difference,) = compare(Catalog({KEY: UNIQUE}), actual)
    assert difference.kind is Drift.MISSING
    assert sql_of(difference) == [
        'DROP INDEX "public"."events_organization_id_slug_key"',
        f'ALTER TABLE "public"."events" ADD CONSTRAINT "events_organization_id_slug_key" {UNIQUE}',
    ]


def test_a_valid_index_with_the_name_of_a_constraint_is_used_for_it() -> None:
    index = Object(Kind.INDEX, KEY.name)
    deferred = f"{UNIQUE} DEFERRABLE INITIALLY DEFERRED"
    for expected, end in ((UNIQUE, ""), (deferred, " DEFERRABLE INITIALLY DEFERRED")):
        (difference,) = compare(Catalog({KEY: expected}), Catalog({index: "CREATE UNIQUE INDEX ..."}))
        assert (difference.kind, difference.built) == (Drift.MISSING, "events_organization_id_slug_key")
        name = '"events_organization_id_slug_key"'
        assert sql_of(difference) == [
            f'ALTER TABLE "public"."events" ADD CONSTRAINT {name} UNIQUE USING INDEX {name}{end}'
        ]


def test_a_valid_index_with_the_name_of_a_check_is_not_used_for_it() -> None:
    index = Object(Kind.INDEX, KEY.name)
    found = compare(Catalog({KEY: "CHECK (true)"}), Catalog({index: "CREATE UNIQUE INDEX ..."}))
    assert [(each.kind, each.object) for each in found] == [(Drift.MISSING, KEY), (Drift.UNEXPECTED, index)]


@given(st.text(min_size=1))
def test_an_identifier_can_be_part_of_the_name_of_an_object(name: str) -> None:
    if "\n" in name:
        return
    quoted = '"{}"'.format(name.replace('"', '""'))
    item = Object(Kind.COLUMN, f"t.{identifier(name)}")
    assert (item.names, item.parts) == (("t", name), ('"t"', quoted))


@pytest.mark.parametrize(
    ("text", "inside", "rest"),
    [
        ("UNIQUE (a, b) DEFERRABLE", "a, b", " DEFERRABLE"),
        ("CHECK (((a = ')'::text) OR (b > 0))) NOT VALID", "((a = ')'::text) OR (b > 0))", " NOT VALID"),
        ('CREATE INDEX i ON t USING btree ("(", lower((a)::text)) WHERE (b)', '"(", lower((a)::text)', " WHERE (b)"),
    ],
)
def test_a_group_ends_with_the_matching_parenthesis(text: str, inside: str, rest: str) -> None:
    assert printed.group(text) == (inside, rest)


def test_a_definition_without_parentheses_is_an_error() -> None:
    for text in ("UNIQUE", "UNIQUE (a", ") ("):
        with pytest.raises(ValueError, match="no parentheses"):
            printed.group(text)


def test_expressions_are_split_only_at_top_level_commas() -> None:
    assert printed.split("""a, lower(b), coalesce(c, ','), "d,e" DESC""") == [
        "a", "lower(b)", "coalesce(c, ',')", '"d,e" DESC',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "why"),
    [
        (Kind.COLUMN, "events.notes", "changing a column could lose values"),
        (Kind.HYPERTABLE, "positions", "chunks that exist keep their interval"),
        (Kind.TYPE, "status", "columns use it"),
        (Kind.SEQUENCE, "numbers", "its numbers are in use"),
        (Kind.MATERIALIZED_VIEW, "standings", "its indexes would go with it"),
    ],
)
def test_a_changed_object_that_holds_data_or_is_in_use_is_not_replaced(
    kind: Kind, name: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrent_indexes, "_unfinished", lambda _: [])
    connection = Mock()
    changed = Difference(Drift.CHANGED, Object(kind, name), "expected", "actual")
    with pytest.raises(CatalogDrift) as caught:
        catalog_restore.restore(connection, [changed], {changed.object: "expected"})
    assert caught.value.where == f"{changed.object} is 'actual' instead of 'expected': {why}"
    assert connection.mock_calls == []
