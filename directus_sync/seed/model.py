"""The collections that a seed file can name, with their fields and natural keys. Reads no rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

from directus_sync.catalog import Catalog, Kind
from directus_sync.schema.snapshot import Snapshot

USERS: Final = "directus_users"
# Directus's own collections whose rows a file can create. A file can only refer to rows of the others.
# Roles, policies and permissions are not rows of the product: they decide who sees its rows.
WRITABLE: Final = frozenset({USERS, "directus_folders", "directus_translations"})

# A user from a file can't log in: it has no password, no token and no external account. Directus resets passwords by
# e-mail only for users with the status `active`.
_SECRETS: Final = frozenset({"password", "token", "tfa_secret", "auth_data", "provider", "external_identifier"})
USER_STATUS: Final = "draft"
LOGIN_STATUS: Final = "active"

_FILLED_IN: Final = frozenset(
    {"date-created", "date-updated", "user-created", "user-updated", "role-created", "role-updated"}
)
_UNIQUE: Final = re.compile(r"UNIQUE (?P<nulls>NULLS NOT DISTINCT )?\((?P<columns>.*)\)")
_COLUMN: Final = re.compile(r'"((?:[^"]|"")+)"|([a-z_][a-z0-9_$]*)')


class ValueForm(Enum):
    """How a value is written in a file and sent to Directus."""

    PLAIN = "plain"
    JSON = "json"
    GEOMETRY = "geometry"
    LIST = "list"


@dataclass(frozen=True)
class Column:
    """A column of the database. sql_type: as PostgreSQL prints it."""

    sql_type: str
    nullable: bool
    has_default: bool

    @property
    def is_id(self) -> bool:
        """Whether Directus or PostgreSQL generates the values, if this column is a primary key."""
        return self.has_default or self.sql_type == "uuid"


@dataclass(frozen=True)
class Table:
    """A table of the database.

    unique, foreign: its UNIQUE constraints and foreign keys. The snapshot lacks those of Directus's own collections.
    """

    columns: Mapping[str, Column]
    primary_key: str
    unique: tuple[tuple[str, ...], ...]
    foreign: Mapping[str, str]


@dataclass(frozen=True)
class Field:
    """A field. related: the collection that it refers to; refusal: why a file can't set it."""

    name: str
    column: Column
    form: ValueForm = ValueForm.PLAIN
    related: str | None = None
    refusal: str | None = None
    filled_in: bool = False

    @property
    def required(self) -> bool:
        """Whether a new row must have a value for it."""
        return not (self.column.nullable or self.column.has_default or self.filled_in)


@dataclass(frozen=True, eq=False)
class Collection:
    """A collection. keys: sets of fields that identify a row. The first key for which a row has all values is used.

    nulls_equal: the keys in which null is a value like any other. refusal: why a file can't have rows of
    the collection; it can still refer to its rows.
    """

    name: str
    fields: Mapping[str, Field]
    primary_key: str
    keys: tuple[tuple[str, ...], ...]
    refusal: str | None = None
    nulls_equal: frozenset[tuple[str, ...]] = frozenset()

    @property
    def path(self) -> str:
        """The path of its rows in Directus's API."""
        own = self.name.removeprefix("directus_")
        return f"/items/{quote(self.name, safe='')}" if own == self.name else f"/{own}"


def collections(declared: Snapshot, catalog: Catalog | None, tables: Mapping[str, Table]) -> dict[str, Collection]:
    """Return the collections that are in both snapshot and database, and Directus's own."""
    found = {}
    for name, table in tables.items():
        if (name,) in declared.section("collections") or name.startswith("directus_"):
            composite = _composite_keys(name, catalog)
            found[name] = Collection(
                name,
                _fields(name, table, declared),
                table.primary_key,
                _keys(name, table, declared, composite),
                _no_rows(name, declared),
                frozenset(key for key, nulls_equal in composite.items() if nulls_equal),
            )
    return found


def _no_rows(name: str, declared: Snapshot) -> str | None:
    if name.startswith("directus_"):
        others = ", ".join(sorted(WRITABLE))
        return None if name in WRITABLE else f"of Directus's own collections, it can only have rows of {others}"
    meta = declared.section("collections")[name,].get("meta") or {}
    return "it is a singleton, which has only one row" if meta.get("singleton") else None


def _fields(collection: str, table: Table, declared: Snapshot) -> dict[str, Field]:
    entries = {name: entry for (owner, name), entry in declared.section("fields").items() if owner == collection}
    relations = {name: entry for (owner, name), entry in declared.section("relations").items() if owner == collection}
    found = {}
    for name, column in table.columns.items():
        if name not in entries and not collection.startswith("directus_"):
            continue
        entry = entries.get(name, {})
        special = _special(entry)
        related = relations.get(name, {}).get("related_collection") or table.foreign.get(name)
        refusal = _refusal(collection, name, table, special, str(entry.get("type")))
        if name in relations and related is None:
            refusal = "it refers to rows of several collections, and a file can't name one of them"
        found[name] = Field(name, column, _form(column.sql_type, special), related, refusal, bool(special & _FILLED_IN))
    for name, entry in entries.items():
        if entry.get("type") == "alias":
            why = "it shows rows of another collection; write them there"
            found[name] = Field(name, Column("", nullable=True, has_default=True), refusal=why)
    return found


def _special(entry: Mapping[str, Any]) -> frozenset[str]:
    meta = entry.get("meta")
    special = meta.get("special") if isinstance(meta, dict) else None
    return frozenset(special) if isinstance(special, list) else frozenset()


def _form(sql_type: str, special: frozenset[str]) -> ValueForm:
    if sql_type in {"json", "jsonb"}:
        return ValueForm.JSON
    if sql_type.removeprefix("public.").startswith("geometry"):
        return ValueForm.GEOMETRY
    return ValueForm.LIST if "cast-csv" in special else ValueForm.PLAIN


def _refusal(collection: str, name: str, table: Table, special: frozenset[str], kind: str) -> str | None:
    if name == table.primary_key and table.columns[name].is_id:
        return "files have no ids; rows are identified by their keys"
    if special & _FILLED_IN:
        return "Directus fills it in itself"
    if collection == USERS and name in _SECRETS:
        return "users from a file must not be able to log in"
    if kind == "hash" or "hash" in special:
        return "Directus stores a hash of it, which can't be compared"
    return None


def _keys(
    name: str, table: Table, declared: Snapshot, composite: Iterable[tuple[str, ...]]
) -> tuple[tuple[str, ...], ...]:
    """Return the natural keys in order: a primary key that a person types, unique fields, composite keys."""
    found: list[tuple[str, ...]] = [] if table.columns[table.primary_key].is_id else [(table.primary_key,)]
    if name.startswith("directus_"):
        found += table.unique
    for (collection, field), entry in declared.section("fields").items():
        schema = entry.get("schema") or {}
        if collection == name and schema.get("is_unique") and not schema.get("is_primary_key"):
            found.append((field,))
    found += composite
    return tuple(dict.fromkeys(key for key in found if set(key) <= set(table.columns)))


def _composite_keys(name: str, catalog: Catalog | None) -> dict[tuple[str, ...], bool]:
    """Return the composite keys in the catalog, and whether each treats nulls as equal.

    Skips deferrable keys. People reorder rows under these, so the same values may later belong to another row.
    """
    found = {}
    for item, definition in (catalog.definitions if catalog else {}).items():
        match = _UNIQUE.match(definition)
        if item.kind is Kind.CONSTRAINT and match and item.names[0] == name and "DEFERRABLE" not in definition:
            quoted = _COLUMN.findall(match["columns"])
            found[tuple(text.replace('""', '"') or bare for text, bare in quoted)] = match["nulls"] is not None
    return found
