"""Reads a snapshot and a catalog into one model. Decides which table is on which page, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from directus_sync.catalog import Catalog, file
from directus_sync.schema import snapshot
from directus_sync.schema.columns import Column
from directus_sync.schema.snapshot import Snapshot
from tools.schema_docs import catalog as database
from tools.schema_docs.catalog import Rule
from tools.schema_docs.model import Field, Model, Page, Relation, Table

Entry = Mapping[str, Any]

# Directus puts items without a `sort` last.
_LAST: Final = 1_000_000
_SYSTEM: Final = "directus_"
_OF_DIRECTUS: Final = "Directus creates these tables. Only what this project adds to them is listed."
_OF_ALEMBIC: Final = "Alembic creates these tables. Directus does not see them."
# The value that Directus fills in, by the field's `special`.
_FILLED: Final = {
    "uuid": "made by Directus",
    "date-created": "time of creation",
    "date-updated": "time of change",
    "user-created": "the user who created it",
    "user-updated": "the user who changed it",
    "role-created": "the role of the user who created it",
    "role-updated": "the role of the user who changed it",
}
_BOOKKEEPING: Final = _FILLED.keys() - {"uuid"}


def load(folder: Path) -> Model:
    """Read schema.yaml and catalog.yaml of a folder.

    Raises InvalidSnapshot and InvalidCatalog.
    """
    return build(snapshot.read(folder / "schema.yaml"), file.load(folder / "catalog.yaml"))


def build(schema: Snapshot, catalog: Catalog) -> Model:
    """Merge the snapshot's and the catalog's descriptions of the same tables."""
    relations = (*_relations(schema), *_foreign_keys(schema, catalog))
    collections = {name: entry for (name,), entry in schema.section("collections").items()}
    groups, ungrouped = _grouped(collections)
    rules = list(database.rules(catalog))

    def page(name: str, title: str, note: str, tables: Iterable[str]) -> Page:
        described = (_table(table, collections.get(table), schema, catalog, rules) for table in tables)
        return Page(name, title, note, tuple(described))

    pages = [page(name, name, _text(_meta(collections[name]).get("note")), tables) for name, tables in groups.items()]
    pages += [
        page("ungrouped", "collections without a group", "", ungrouped),
        page("directus", "Directus's own collections", _OF_DIRECTUS, _system(schema, catalog, relations)),
        page("database", "tables that Directus does not serve", _OF_ALEMBIC, sorted(database.tables(catalog))),
    ]
    shown = tuple(page for page in pages if page.tables)
    place = {table.name: number for number, table in enumerate(table for page in shown for table in page.tables)}
    # Mermaid's lines cross least if the relations follow the order of the pages.
    return Model(shown, tuple(sorted(relations, key=lambda each: place.get(each.table, len(place)))), catalog)


def _grouped(collections: Mapping[str, Entry]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the collections by their nearest folder, and the collections that are in no folder."""
    order = _order(collections)
    folders = (name for name, entry in collections.items() if not entry.get("schema"))
    groups: dict[str, list[str]] = {name: [] for name in sorted(folders, key=order.__getitem__)}
    ungrouped: list[str] = []
    for name in sorted(collections.keys() - groups.keys(), key=order.__getitem__):
        above = [group for group in _above(name, collections) if group in groups]
        (groups[above[0]] if above else ungrouped).append(name)
    return groups, ungrouped


def _system(schema: Snapshot, catalog: Catalog, relations: Iterable[Relation]) -> list[str]:
    """Return Directus's own collections that the project adds to or refers to."""
    names = {name for name, _ in schema.section("fields")}
    names |= {name for each in relations for name in (each.table, *each.related)}
    names |= {rule.table for rule in database.rules(catalog)}
    names |= {column.table for column in database.columns(catalog)}
    return sorted(name for name in names if name.startswith(_SYSTEM))


def _table(name: str, entry: Entry | None, schema: Snapshot, catalog: Catalog, rules: Sequence[Rule]) -> Table:
    own = {field: item for (owner, field), item in schema.section("fields").items() if owner == name}
    mine = tuple(rule for rule in rules if rule.table == name)
    order = _order(own)
    keys = [found for found in map(database.key, mine) if found is not None]
    primary = {column for kind, columns in keys if kind == "PRIMARY KEY" for column in columns}
    unique = {columns[0] for kind, columns in keys if kind == "UNIQUE" and len(columns) == 1}
    return Table(
        name,
        _text(_meta(entry or {}).get("note")) or database.comment(catalog, name),
        name.startswith(_SYSTEM),
        (
            *(_field(own[field]) for field in sorted(own, key=order.__getitem__)),
            *(
                Field(
                    column.name,
                    column.type,
                    column.type,
                    nullable=not column.required,
                    required_in_ui=column.required,
                    default=column.default or None,
                    generated=column.generated,
                    primary=column.name in primary,
                    unique=column.name in unique,
                    note=column.comment,
                )
                for column in database.columns(catalog)
                if column.table == name
            ),
        ),
        mine,
    )


def _field(entry: Entry) -> Field:
    meta, schema = _meta(entry), entry.get("schema") or {}
    options = meta.get("options") or {}
    special = set(meta.get("special") or ())
    return Field(
        entry["field"],
        entry["type"],
        _sql(entry["type"], schema) if schema else None,
        nullable=bool(schema.get("is_nullable", True)),
        required_in_ui=bool(meta.get("required")),
        default=schema.get("default_value"),
        filled=next((text for name, text in _FILLED.items() if name in special), ""),
        generated=str(schema.get("generation_expression") or "") if schema.get("is_generated") else "",
        primary=bool(schema.get("is_primary_key")),
        # A primary key is unique anyway.
        unique=bool(schema.get("is_unique")) and not schema.get("is_primary_key"),
        indexed=bool(schema.get("is_indexed")),
        bookkeeping=not special.isdisjoint(_BOOKKEEPING),
        note=_text(meta.get("note")),
        choices=tuple(_choices(options.get("choices"))),
        others_allowed=bool(options.get("allowOther")),
        validation=meta.get("validation"),
    )


def _sql(kind: str, schema: Entry) -> str:
    column = Column.of(kind, schema)
    if column.gets_other_type:
        return column.data_type
    # Directus exports a column without a limit with the length -5.
    return column.made.partition("(")[0] if column.length is not None and column.length <= 0 else column.made


def _choices(choices: object) -> Iterable[tuple[str, str]]:
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and isinstance(choice.get("children"), list):
            yield from _choices(choice["children"])
        elif isinstance(choice, dict):
            # The English word follows `$t:`, which makes the admin UI translate it.
            yield _text(choice.get("value")), _text(choice.get("text")).removeprefix("$t:")
        else:
            yield _text(choice), ""


def _relations(schema: Snapshot) -> Iterable[Relation]:
    fields = schema.section("fields")
    for (table, name), entry in schema.section("relations").items():
        meta, key = _meta(entry), entry.get("schema")
        column = fields.get((table, name), {}).get("schema") or {}
        related = entry["related_collection"]
        yield Relation(
            table,
            (name,),
            (related,) if related is not None else tuple(meta.get("one_allowed_collections") or ()),
            key["on_delete"] if key else None,
            optional=bool(column.get("is_nullable", True)),
            single=bool(column.get("is_unique") or column.get("is_primary_key")),
            shown_as=meta.get("one_field"),
            junction=meta.get("junction_field"),
        )


def _foreign_keys(schema: Snapshot, catalog: Catalog) -> Iterable[Relation]:
    nullable = {
        name: bool((entry.get("schema") or {}).get("is_nullable", True))
        for name, entry in schema.section("fields").items()
    }
    nullable |= {(column.table, column.name): not column.required for column in database.columns(catalog)}
    keys = [(rule.table, database.key(rule)) for rule in database.rules(catalog)]
    for found in database.foreign_keys(catalog):
        yield Relation(
            found.table,
            found.columns,
            (found.related,),
            found.on_delete,
            optional=any(nullable.get((found.table, column), True) for column in found.columns),
            single=any(table == found.table and key is not None and key[1] == found.columns for table, key in keys),
        )


def _order(entries: Mapping[str, Entry]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return sort keys for a form or list, in which the members of a group follow the group."""
    position = {name: index for index, name in enumerate(entries)}
    order = {}
    for name in entries:
        path = [name, *_above(name, entries)]
        order[name] = tuple((_sort(entries[step]), position[step]) for step in reversed(path))
    return order


def _above(name: str, entries: Mapping[str, Entry]) -> list[str]:
    """Return the groups that contain the entry, the nearest first."""
    found: list[str] = []
    group = _meta(entries[name]).get("group")
    # Directus allows groups that contain each other.
    while isinstance(group, str) and group in entries and group not in {name, *found}:
        found.append(group)
        group = _meta(entries[group]).get("group")
    return found


def _sort(entry: Entry) -> int:
    sort = _meta(entry).get("sort")
    return sort if isinstance(sort, int) else _LAST


def _meta(entry: Entry) -> Entry:
    return entry.get("meta") or {}


def _text(value: object) -> str:
    return "" if value is None else str(value)
