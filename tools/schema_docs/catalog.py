"""Reads columns, foreign keys and other objects from the catalog, which has SQL as PostgreSQL prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from directus_sync.catalog import Catalog, Kind, Object

# The kinds of object in a table's list of rules. Columns and comments are elsewhere on the page.
RULES: Final = (Kind.HYPERTABLE, Kind.CONSTRAINT, Kind.DEFERRABLE, Kind.INDEX, Kind.TRIGGER)

_COLUMN: Final = re.compile(
    r"(?P<type>.+?)(?: COLLATE (?P<collation>\S+))?"
    r"(?: DEFAULT (?P<default>.+?)| GENERATED (?P<generated>.+?))?(?P<required> NOT NULL)?",
    re.DOTALL,
)
_KEY: Final = re.compile(r"(?P<kind>PRIMARY KEY|UNIQUE)(?: NULLS NOT DISTINCT)? \((?P<columns>[^)]*)\).*")
_FOREIGN_KEY: Final = re.compile(
    r"FOREIGN KEY \((?P<columns>[^)]*)\) REFERENCES (?:public\.)?"
    r"(?P<table>\"(?:[^\"]|\"\")+\"|\w+)\([^)]*\)(?P<rest>.*)"
)
_ON_DELETE: Final = re.compile(r"ON DELETE (CASCADE|RESTRICT|SET NULL|SET DEFAULT)")
_INDEX: Final = re.compile(
    r"CREATE (?P<unique>UNIQUE )?INDEX .+? ON (?:ONLY )?public\..+? USING (?P<rest>.+)", re.DOTALL
)


@dataclass(frozen=True)
class Column:
    """A column that is not in the snapshot, as PostgreSQL prints it."""

    table: str
    name: str
    type: str
    default: str
    generated: str
    required: bool
    comment: str


@dataclass(frozen=True)
class Rule:
    """A constraint, index or trigger of a table. name: empty for a rule of the table itself, such as a hypertable."""

    table: str
    kind: Kind
    name: str
    definition: str


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key that is not in the snapshot: it has several columns, or Directus does not serve its table."""

    table: str
    columns: tuple[str, ...]
    related: str
    on_delete: str


def tables(catalog: Catalog) -> list[str]:
    """Return the tables that are not in the snapshot."""
    return [item.names[0] for item in catalog.definitions if item.kind is Kind.TABLE]


def comment(catalog: Catalog, *name: str) -> str:
    """Return the comment of a table or column; empty without one."""
    return next(
        (text for item, text in catalog.definitions.items() if item.kind is Kind.COMMENT and item.names == name), ""
    )


def columns(catalog: Catalog) -> Iterator[Column]:
    """Yield the columns that are not in the snapshot."""
    for item, definition in catalog.definitions.items():
        found = _COLUMN.fullmatch(definition)
        if item.kind is Kind.COLUMN and found is not None:
            table, name = item.names
            yield Column(
                table,
                name,
                found["type"],
                found["default"] or "",
                found["generated"] or "",
                found["required"] is not None,
                comment(catalog, table, name),
            )


def rules(catalog: Catalog) -> Iterator[Rule]:
    """Yield the rules of all tables, in the order of RULES."""
    for kind in RULES:
        for item, definition in catalog.definitions.items():
            if item.kind is kind:
                table, *rest = item.names
                yield Rule(table, kind, "".join(rest), _short(definition) if kind is Kind.INDEX else definition)


def key(rule: Rule) -> tuple[str, tuple[str, ...]] | None:
    """Return `PRIMARY KEY` or `UNIQUE` and the columns; None for any other rule."""
    found = _KEY.fullmatch(rule.definition) if rule.kind is Kind.CONSTRAINT else None
    return (found["kind"], _listed(found["columns"])) if found is not None else None


def foreign_keys(catalog: Catalog) -> Iterator[ForeignKey]:
    """Yield the foreign keys that are not in the snapshot."""
    for rule in rules(catalog):
        found = _FOREIGN_KEY.fullmatch(rule.definition)
        if rule.kind is Kind.CONSTRAINT and found is not None:
            action = _ON_DELETE.search(found["rest"])
            yield ForeignKey(
                rule.table,
                _listed(found["columns"]),
                _plain(found["table"]),
                action[1] if action is not None else "NO ACTION",
            )


def others(catalog: Catalog) -> Iterator[tuple[Object, str]]:
    """Yield the objects that belong to no table: extensions, types, functions, views."""
    for item, definition in catalog.definitions.items():
        if item.kind not in {*RULES, Kind.TABLE, Kind.COLUMN, Kind.COMMENT}:
            yield item, definition


def _short(definition: str) -> str:
    """Drop the table and the name from an index's definition, because its row shows them already."""
    found = _INDEX.fullmatch(definition)
    if found is None:
        return definition
    return f"{found['unique'] or ''}{found['rest'].removeprefix('btree ')}"


def _listed(columns: str) -> tuple[str, ...]:
    return tuple(_plain(column.strip()) for column in columns.split(","))


def _plain(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier
