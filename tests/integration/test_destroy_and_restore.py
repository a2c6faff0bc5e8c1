"""Destroys through Directus during writes, then restores: every acknowledged row comes back, byte for byte."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg import sql

from directus_sync.attic import AtticItem
from directus_sync.directus.client import DirectusClient
from tests import snapshots
from tests.attics import Attic, open_attic
from tests.conftest import Database, RunningDirectus, Serving
from tests.making import collection, column, key, relation
from tests.snapshots import Document, without_collections, without_field

KINDS = {
    "string": "varchar", "text": "text", "boolean": "bool", "integer": "int4", "bigInteger": "int8", "float": "float4",
    "decimal": "numeric", "timestamp": "timestamptz", "dateTime": "timestamp", "date": "date", "time": "time",
    "json": "json", "csv": "text", "uuid": "uuid", "hash": "varchar", "binary": "bytea", "geometry": "geometry",
    "geometry.Point": "geometry", "geometry.Polygon": "geometry", "geometry.MultiLineString": "geometry",
}  # fmt: skip

AWKWARD: dict[str, list[str | None]] = {
    "string": ["", "NULL", "\\N", " tab\tand space ", "Ç€ß — žluťoučký 🏁", None],
    "text": [
        "two\nlines\r\n",
        "back\\slash \\n 'quote' \"double\" $$ %s {}",
        "\u200bzero width",
        "",
        "x" * 20000,
        None,
    ],
    "boolean": ["true", "false", None],
    "integer": ["-2147483648", "2147483647", "0", None],
    "bigInteger": ["-9223372036854775808", "9223372036854775807", None],
    "float": ["0.1", "-1e-30", "3.4028235e38", "NaN", "-Infinity", None],
    "decimal": ["12345.67890", "-0.00001", "0", None],
    "timestamp": ["2026-06-06 06:00:00.123456+02", "0044-03-15 12:00:00+00 BC", "infinity", None],
    "dateTime": ["2026-06-06 06:00:00.000001", "1999-12-31 23:59:59.999999", None],
    "date": ["2026-02-28", "4713-01-01 BC", None],
    "time": ["23:59:59.999999", "00:00:00", None],
    "json": ['{"b": 1, "a":  [1.0, null]}', '{"a": 1, "a": 2}', '"\\u00e9"', "null", "[]", None],
    "csv": ["a,b", "", None],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None],
    "hash": ["$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", None],
    "binary": ["\\x00ff0a5c", "\\x", None],
    "geometry": ["SRID=4326;GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))", None],
    "geometry.Point": ["SRID=4326;POINT(19.8187 41.327499999999997)", "SRID=4326;POINT EMPTY", None],
    "geometry.Polygon": ["SRID=4326;POLYGON((0 0,10 0,10 10,0 0),(1 1,2 1,2 2,1 1))", None],
    "geometry.MultiLineString": ["SRID=4326;MULTILINESTRING((0 0,1 1),(2 2,3 3))", None],
}


FIELDS = {kind: f"a {kind}".replace(".", " ") for kind in KINDS}
EVERY = [column(name, kind) for kind, name in FIELDS.items()]
NOTE = column("note", "string")


@pytest.fixture(scope="module")
def server(serve: Serving) -> Iterator[RunningDirectus]:
    """This module's Directus."""
    with serve("bootstrapped") as running:
        yield running


@pytest.fixture
def kept(server: RunningDirectus) -> Iterator[Attic]:
    with open_attic(server.tool) as opened:
        yield opened


def _push(server: RunningDirectus, snapshot: Document) -> None:
    """Make Directus equal the snapshot, and destroy everything that the snapshot does not have."""
    with DirectusClient(server.tool.environ["DIRECTUS_URL"], server.tool.settings) as client:
        client.clear_cache()
        answer = client.diff(("s.json", json.dumps(snapshot).encode(), "application/json"))
        assert answer is not None
        client.apply(*answer)


def _snapshot(server: RunningDirectus) -> Document:
    return dict(snapshots.load(server.export()))


def _without(snapshot: Document, name: str, *fields: str) -> Document:
    """Return the snapshot without a collection, or without some of its fields."""
    left = deepcopy(snapshot)
    for edit in [without_field(name, each) for each in fields] or [without_collections(name)]:
        edit(left)
    return left


def _columns(database: Database, collection: str) -> list[str]:
    rows = database.rows(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attname",
        f'"{collection}"',
    )
    return [str(row[0]) for row in rows]


def _bytes(database: Database, collection: str) -> bytes:
    names = sql.SQL(", ").join(map(sql.Identifier, _columns(database, collection)))
    statement = sql.SQL("COPY (SELECT {} FROM {} ORDER BY id) TO STDOUT").format(names, sql.Identifier(collection))
    with database.connect() as connection, connection.cursor().copy(statement) as copy:
        return b"".join(bytes(block) for block in copy)


def _add_binary(database: Database, collection: str) -> None:
    # Directus 11.17.4 creates bytea for `binary`, exports it as `unknown`, and creates no column for that.
    database.execute(f'ALTER TABLE "{collection}" ADD "{FIELDS["binary"]}" bytea')


def _literal(kind: str, value: str | None) -> sql.Composed:
    return sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(KINDS[kind]))


def test_a_collection_with_every_type_is_restored_byte_for_byte(server: RunningDirectus, kept: Attic) -> None:
    collection(server, "Every_Kind", key("id", "uuid"), *EVERY, column("person", "uuid"))
    relation(server, "Every_Kind", "person", "directus_users")
    types = server.database.rows(
        "SELECT column_name::text, udt_name::text FROM information_schema.columns"
        " WHERE table_name = 'Every_Kind' AND column_name LIKE 'a %'"
    )
    assert dict(types) == {FIELDS[kind]: KINDS[kind] for kind in KINDS}
    for number in range(6):
        values = [_literal(kind, AWKWARD[kind][number % len(AWKWARD[kind])]) for kind in KINDS]
        columns = [sql.Identifier(name) for name in FIELDS.values()]
        statement = sql.SQL(
            'INSERT INTO "Every_Kind" (id, person, {}) SELECT gen_random_uuid(), id, {} FROM directus_users LIMIT 1'
        ).format(sql.SQL(", ").join(columns), sql.SQL(", ").join(values))
        server.database.execute(statement.as_string())
    before, snapshot = _bytes(server.database, "Every_Kind"), _snapshot(server)
    assert before.count(b"\n") == 6

    copy = kept.keep_one("Every_Kind")
    _push(server, _without(snapshot, "Every_Kind"))
    assert server.database.value("SELECT to_regclass('\"Every_Kind\"')") is None
    assert kept.finish(copy).rows == 6
    _push(server, snapshot)
    _add_binary(server.database, "Every_Kind")
    done = kept.restore(copy)

    assert (done.restored, done.rejected, done.missing_columns) == (6, (), ())
    assert _bytes(server.database, "Every_Kind") == before


def test_a_field_of_every_type_is_restored_byte_for_byte(server: RunningDirectus, kept: Attic) -> None:
    collection(server, "Each_Field", key(), *EVERY)
    for kind, values in AWKWARD.items():
        rows = sql.SQL(", ").join(sql.SQL("({})").format(_literal(kind, value)) for value in values)
        statement = sql.SQL('INSERT INTO "Each_Field" ({}) VALUES {}').format(sql.Identifier(FIELDS[kind]), rows)
        server.database.execute(statement.as_string())
    before, snapshot = _bytes(server.database, "Each_Field"), _snapshot(server)

    copies = kept.keep(*(AtticItem("Each_Field", name) for name in FIELDS.values()))
    _push(server, _without(snapshot, "Each_Field", *FIELDS.values()))
    assert _columns(server.database, "Each_Field") == ["id"]
    for copy in copies:
        kept.finish(copy)
    _push(server, snapshot)
    _add_binary(server.database, "Each_Field")

    for copy in copies:
        assert kept.restore(copy).rejected == ()
    assert _bytes(server.database, "Each_Field") == before


@dataclass
class Writer:
    """Writes rows until its table or column is gone. acknowledged: the note of each key, or None after a DELETE."""

    database: Database
    collection: str
    number: int
    stop: threading.Event
    acknowledged: dict[int, str | None] = field(default_factory=dict)
    after: int = 0
    error: Exception | None = None

    def run(self) -> None:
        try:
            with self.database.connect() as connection:
                self._write(connection)
        except Exception as error:
            self.error = error

    def _write(self, connection: psycopg.Connection[Any]) -> None:
        for step in range(10_000_000):
            if self.stop.is_set():
                return
            key = 1_000_000 * (self.number + 1) + step
            note = f"{self.number}-{step}"
            statements: list[tuple[str, dict[int, str | None]]] = [
                ("INSERT INTO {} (id, note) VALUES ({key}, '{note}')", {key: note})
            ]
            if step % 3 == 1:
                statements.append(("UPDATE {} SET note = '{note}!' WHERE id = {key} - 1", {key - 1: note + "!"}))
            if step % 5 == 4:
                statements.append(("DELETE FROM {} WHERE id = {key} - 2", {key - 2: None}))
            for statement, effect in statements:
                connection.execute(statement.format(f'"{self.collection}"', key=key, note=note))
                self.acknowledged.update(effect)


@contextmanager
def _hammering(database: Database, collection: str, number: int = 4) -> Iterator[list[Writer]]:
    stop = threading.Event()
    writers = [Writer(database, collection, index, stop) for index in range(number)]
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield writers
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def _wanted(writers: list[Writer]) -> dict[int, str]:
    return {key: note for writer in writers for key, note in writer.acknowledged.items() if note is not None}


def _progress(writers: list[Writer], steps: int) -> None:
    """Wait until each writer has made some more writes or has failed."""
    targets = [len(writer.acknowledged) + steps for writer in writers]
    deadline = threading.Event()
    for writer, target in zip(writers, targets, strict=True):
        for _ in range(3000):
            if len(writer.acknowledged) >= target or writer.error is not None:
                break
            deadline.wait(0.01)
        else:
            pytest.fail("a writer got stuck")


# The slow case is covered by test_attic.py, which tests each kind of write after a copy of a field.
@pytest.mark.parametrize(
    ("name", "field"), [("Busy", None), pytest.param("Busy_Field", "note", marks=pytest.mark.slow)]
)
def test_no_acknowledged_write_is_lost_when_a_collection_or_field_is_removed(
    server: RunningDirectus, kept: Attic, name: str, field: str | None
) -> None:
    collection(server, name, key(), NOTE)
    server.database.execute(f"INSERT INTO \"{name}\" SELECT n, 'old' FROM generate_series(1, 20000) n")
    snapshot = _snapshot(server)
    with _hammering(server.database, name) as writers:
        _progress(writers, 50)
        copy = kept.keep_one(name, field)
        at_copy = copy.rows
        _progress(writers, 50)
        _push(server, _without(snapshot, name, *([field] if field else [])))
        _progress(writers, 10_000_000)
    gone = psycopg.errors.UndefinedColumn if field else psycopg.errors.UndefinedTable
    assert [type(writer.error) for writer in writers] == [gone] * 4
    finished = kept.finish(copy)

    copied = dict(kept.database.rows(f"SELECT id, note FROM attic.{copy.table} WHERE id > 20000"))
    # Each writer may have deleted one row after the column was gone, because a DELETE does not need the note.
    late = {key for writer in writers for key, note in writer.acknowledged.items() if note is None} & copied.keys()
    assert len(late) <= (4 if field else 0)
    assert {key: note for key, note in copied.items() if key not in late} == _wanted(writers)
    assert finished.rows == len(copied) + 20000 > at_copy
    assert kept.temporary() == []
    _push(server, snapshot)
    done = kept.restore(copy)
    assert (done.restored, {row.reason for row in done.rejected}) == (
        finished.rows - len(late), {"the row is gone"} if late else set(),
    )  # fmt: skip


def test_a_failed_apply_leaves_the_table_and_its_writers_alone(server: RunningDirectus, kept: Attic) -> None:
    collection(server, "Spared", key(), NOTE)
    snapshot = _snapshot(server)
    server.database.execute('CREATE VIEW spared_notes AS SELECT note FROM "Spared"')
    copy = kept.keep_one("Spared")
    with pytest.raises(Exception, match="failed to apply the schema"):
        _push(server, _without(snapshot, "Spared"))
    server.database.execute("INSERT INTO \"Spared\" (note) VALUES ('still here')")
    assert kept.finish(copy).rows == 1
    assert kept.temporary() == []
    server.database.execute("DROP VIEW spared_notes")
