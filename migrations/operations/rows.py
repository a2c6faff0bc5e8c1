"""Rewrites the rows of Directus's own tables that contain a renamed name; reports rows that it can't rewrite.

Uses only columns that the database has, because `pre` runs before Directus upgrades its tables.
"""

# ruff: noqa: S608 - tables and columns in the SQL are the constants below, or come from the catalog

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from directus_sync.schema.renames.places import (
    AUTOMATED,
    COLLECTION_COLUMNS,
    COLLECTION_LISTS,
    DOCUMENTS,
    FIELD_COLUMNS,
    FIELD_LISTS,
    FIELDS,
    RELATED,
    RELATIONS,
    Rewrite,
    as_stored,
    word,
)
from directus_sync.schema.renames.rewriting import JSON, Model, Rename, Rewriter

# Tables in which a word that equals a collection's name does not mean the collection.
NO_REFERENCES: Final = frozenset(
    {"directus_users", "directus_sessions", "directus_files", "directus_folders", "directus_migrations"}
)

ROWS_AT_ONCE: Final = 100
COLUMNS: Final = r"""
SELECT c.relname::text, a.attname::text, t.typname::text FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname LIKE 'directus\_%'"""


class Rows:
    """The rows of Directus's tables, for one rename.

    model:  the fields and relations before the rename.
    done:   the number of rewritten rows, by column.
    doubts: the keys of rows that a person must check, by column.
    """

    def __init__(self, connection: sa.Connection, rename: Rename) -> None:
        self.connection = connection
        self.rename = rename
        # The type of every column, by (table, column).
        self.columns = {(table, column): kind for table, column, kind in connection.execute(sa.text(COLUMNS))}
        fields, relations = (connection.execute(sa.text(statement)) for statement in (FIELDS, RELATIONS))
        self.model = Model.of(((row[0], row[1]) for row in fields), (tuple(row) for row in relations))
        self._names = {"old": rename.old, "new": rename.new, "collection": rename.collection}
        self.done: dict[str, int] = defaultdict(int)
        self.doubts: dict[str, list[str]] = defaultdict(list)

    def rewrite(self) -> None:
        """Rewrite all rows. Fills `done` and `doubts`."""
        for table, column, rewrite in DOCUMENTS:
            if (table, column) in self.columns:
                self._documents(table, column, rewrite)
        if self.rename.field is None:
            for table, column in COLLECTION_LISTS:
                self._list(table, column)
            self._histories()
            self._collection_columns()
            self._mentions()
        else:
            for table, own, column in FIELD_COLUMNS:
                self._count(
                    f"{table}.{column}",
                    f'UPDATE public.{table} SET "{column}" = :new WHERE {own} = :collection AND "{column}" = :old',
                )
            for table, own, column in FIELD_LISTS:
                self._list(table, column, f"{own} = :collection")

    def _documents(self, table: str, column: str, rewrite: Rewrite) -> None:
        label, kind = f"{table}.{column}", self.columns[table, column]
        for key, text, own, field in self._candidates(table, column):
            rewriter = Rewriter(self.rename, self.model)
            host = (own,) if own else ()
            here = rewriter.model.leads_to(own, field) if own and field and column in RELATED else host
            try:
                before = json.loads(text) if kind == "json" else text
                after = rewrite(rewriter, before, here, host)
                # The text of an unchanged document stays exactly as it is.
                new = text if after == before else _written(after, kind)
            except (RecursionError, ValueError):
                # Too deeply nested, or with a number that is not valid in JSON. Any user can store such a preset.
                self.doubts[label].append(str(key))
                continue
            if new != text:
                self._count(
                    label,
                    f'UPDATE public.{table} SET "{column}" = CAST(:value AS {kind}) WHERE {_key(table)} = :key',
                    value=new,
                    key=key,
                )
            # Templates in automations and the history of Directus's own rows may refer to fields in unknown ways.
            opaque = table in AUTOMATED or (own or "").startswith("directus_")
            mentioned = opaque and word(as_stored(self.rename.old, kind)).search(new)
            if self.rename.field and (rewriter.unresolved or mentioned):
                self.doubts[label].append(str(key))

    def _candidates(self, table: str, column: str) -> Iterator[tuple[Any, str, str | None, str | None]]:
        """Yield the rows whose document contains the old name. Streams them, because revisions may exceed memory."""
        own = "collection" if (table, "collection") in self.columns else "NULL"
        field = "field" if table == "directus_fields" else "NULL"
        key = _key(table)
        found = self.connection.execute(
            sa.text(
                f'SELECT {key}, "{column}"::text, {own}::text, {field}::text FROM public.{table}'
                f' WHERE strpos("{column}"::text, :old) > 0 ORDER BY 1'
            ),
            {"old": as_stored(self.rename.old, self.columns[table, column])},
            execution_options={"stream_results": True, "yield_per": ROWS_AT_ONCE},
        )
        yield from found

    def _list(self, table: str, column: str, of: str = "true") -> None:
        """Rewrite a comma-separated list, in the rows for which `of` is true."""
        names = f"string_to_array({column}, ',')"
        self._count(
            f"{table}.{column}",
            f"UPDATE public.{table} SET {column} = array_to_string(array_replace({names}, :old, :new), ',')"
            f" WHERE {of} AND :old = ANY ({names})",
        )

    def _histories(self) -> None:
        """Move the history of the collection's settings, and the last page of users, to the new name."""
        for table in ("directus_activity", "directus_revisions"):
            self._count(
                f"{table}.item",
                f"UPDATE public.{table} SET item = :new WHERE collection = 'directus_collections' AND item = :old",
            )
        self._count(
            "directus_users.last_page",
            "UPDATE public.directus_users SET last_page = '/content/' || :new || substr(last_page, :rest)"
            " WHERE starts_with(last_page || '/', '/content/' || :old || '/')",
            rest=len(f"/content/{self.rename.old}") + 1,
        )

    def _collection_columns(self) -> None:
        """Rename the collection in columns. In one statement, because foreign keys are checked at its end."""
        updates = []
        for table, columns in COLLECTION_COLUMNS.items():
            present = [column for column in columns if (table, column) in self.columns]
            if not present:
                continue
            sets = ", ".join(f""""{name}" = CASE "{name}" WHEN :old THEN :new ELSE "{name}" END""" for name in present)
            where = " OR ".join(f'"{name}" = :old' for name in present)
            updates.append((table, f"UPDATE public.{table} SET {sets} WHERE {where} RETURNING 1"))
        queries = ", ".join(f"{table} AS ({update})" for table, update in updates)
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table, _ in updates)
        row = self.connection.execute(sa.text(f"WITH {queries} SELECT {counts}"), self._names).one()
        self.done |= dict(zip((table for table, _ in updates), row, strict=True))

    def _mentions(self) -> None:
        """Add to `doubts` all rows that still contain the collection's name as a word, except in names of fields."""
        field_names = {(table, column) for table, _, column in (*FIELD_COLUMNS, *FIELD_LISTS)}
        for (table, column), kind in sorted(self.columns.items()):
            if table in NO_REFERENCES or (table, column) in field_names or kind not in {"json", "text", "varchar"}:
                continue
            # A project's own field in Directus's tables may have any name, so SQLAlchemy must quote it.
            of = sa.table(table, sa.column(column), sa.column(_key(table)), schema="public")
            key, value = (sa.cast(of.c[name], sa.Text) for name in (_key(table), column))
            pattern = word(as_stored(self.rename.old, kind)).pattern
            found = self.connection.scalars(sa.select(key).where(value.regexp_match(pattern)).order_by(key))
            label = f"{table}.{column}"
            if keys := [found_key for found_key in found if found_key not in self.doubts.get(label, ())]:
                self.doubts[label].extend(keys)
        pickers = self.connection.execute(
            sa.text(
                "SELECT collection || '.' || field FROM public.directus_fields"
                " WHERE interface LIKE 'collection-item-%' AND options::text ~ :word ORDER BY 1"
            ),
            {"word": word(as_stored(self.rename.new, "json")).pattern},
        )
        if fields := list(pickers.scalars()):
            self.doubts["the values of fields that pick an item"].extend(fields)

    def _count(self, label: str, statement: str, **parameters: object) -> None:
        self.done[label] += self.connection.execute(sa.text(statement), {**self._names, **parameters}).rowcount


def _written(document: JSON, kind: str) -> str:
    if kind != "json":
        return str(document)
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _key(table: str) -> str:
    return "collection" if table == "directus_collections" else "id"
