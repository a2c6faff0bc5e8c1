"""The data for the pages: pages, tables, fields, relations. Only data; knows no output format."""

from __future__ import annotations

from dataclasses import dataclass

from directus_sync.catalog import Catalog
from tools.schema_docs.catalog import Rule


@dataclass(frozen=True)
class Field:
    """A field or column. sql: its type in PostgreSQL; None for an alias, which has no column.

    required_in_ui: the admin UI requires a value. bookkeeping: Directus writes the field, and diagrams leave it out.
    choices: the values of a dropdown, each with the text that an operator sees.
    """

    name: str
    kind: str
    sql: str | None
    nullable: bool = True
    required_in_ui: bool = False
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
    """A reference from fields of one table to another table, or to one of several tables.

    on_delete: None without a foreign key. shown_as: the field of the other table that lists the referring rows.
    junction: in a many-to-many relation, the field that refers to the third table.
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
    """A collection or a table. system: a collection of Directus, with only what this project adds to it."""

    name: str
    note: str
    system: bool
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Page:
    """The tables of one group. stem: the name of the page's file without .md."""

    stem: str
    title: str
    note: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Model:
    """All pages in order, all relations, and the catalog, which also has the objects that belong to no table."""

    pages: tuple[Page, ...]
    relations: tuple[Relation, ...]
    catalog: Catalog

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, in the order of the pages."""
        return tuple(table for page in self.pages for table in page.tables)
