"""The data model of the pages: pages, tables, fields, relations. Data alone; knows no format."""

from __future__ import annotations

from dataclasses import dataclass

from directus_sync.catalog import Catalog
from tools.schema_docs.catalog import Rule


@dataclass(frozen=True)
class Field:
    """A field or column. sql: its type in PostgreSQL, None for an alias, which has no column.

    asked: the admin UI requires a value. bookkeeping: Directus writes it; diagrams leave it out.
    choices: values of a dropdown, each with the text that an operator sees.
    """

    name: str
    kind: str
    sql: str | None
    nullable: bool = True
    asked: bool = False
    default: object = None
    filled: str = ""
    generated: str = ""
    primary: bool = False
    unique: bool = False
    indexed: bool = False
    bookkeeping: bool = False
    note: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    others_allowed: bool = False
    validation: object = None


@dataclass(frozen=True)
class Relation:
    """A reference from fields of one table to another table, or to one of several.

    on_delete: None without a foreign key. shown_as: the field of the other table that lists these rows.
    junction: in a many-to-many relation, the field with the reference to the third table.
    """

    table: str
    fields: tuple[str, ...]
    related: tuple[str, ...]
    on_delete: str | None
    optional: bool
    single: bool
    shown_as: str | None = None
    junction: str | None = None


@dataclass(frozen=True)
class Table:
    """A collection or a table. system: one of Directus's own, with only what the project adds to it."""

    name: str
    note: str
    system: bool
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Page:
    """The tables of one group. stem: the name of its file, without .md."""

    stem: str
    title: str
    note: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Model:
    """All pages in order, all relations, and the catalog with what belongs to no table."""

    pages: tuple[Page, ...]
    relations: tuple[Relation, ...]
    catalog: Catalog

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, in the order of the pages."""
        return tuple(table for page in self.pages for table in page.tables)
