"""What the attic keeps: copies of items, and all writes that were committed before the item was removed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql

from directus_sync import attic
from directus_sync.attic import AtticItem, mirror, tables
from directus_sync.errors import AtticFailed, SyncError
from directus_sync.postgres import database
from tests.attics import RUN, Attic, open_attic, resetting
from tests.conftest import ROOT, Database, Tool
from tests.processes import until

_until = partial(until, seconds=30)


@pytest.fixture
def kept(settled: Tool) -> Iterator[Attic]:
    with resetting(settled.database), open_attic(settled) as opened:
        yield opened


@pytest.fixture
def items(kept: Attic) -> Attic:
    """The attic, and a collection `Item` with three rows beside it."""
    kept.database.execute(
        'CREATE TABLE "Item" (id int PRIMARY KEY, note varchar(10), other text);'
        " INSERT INTO \"Item\" VALUES (1, 'one', 'a'), (2, 'two', 'b'), (3, NULL, 'c')"
    )
    return kept


@contextmanager
def _holding(database: Database, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """Execute a statement and keep its transaction open during the block."""
    with psycopg.connect(database.conninfo) as connection:
        connection.execute(statement)
        yield connection


def test_a_collection_is_copied_with_its_rows_and_types(items: Attic) -> None:
    copy = items.keep_one("Item")
    assert items.rows(copy) == [(1, "one", "a"), (2, "two", "b"), (3, None, "c")]
    assert (copy.item.id, copy.rows, copy.run, copy.command, copy.sha256) == ("Item", 3, RUN, "push", "0" * 64)
    assert (copy.restored_at, copy.host) == (None, items.database.value("SELECT host FROM directus_sync.attic_copies"))
    columns = "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass"
    live = items.database.rows(columns + " AND attnum > 0", '"Item"')
    assert items.database.rows(columns + " AND attnum > 0", f"attic.{copy.table}") == live
    assert items.database.value("SELECT definition FROM directus_sync.attic_copies") == {"note": "as it was"}


def test_a_field_is_copied_with_the_key_once_and_the_newest_copy_is_listed_first(items: Attic) -> None:
    note, key = items.keep(AtticItem("Item", "note"), AtticItem("Item", "note"), AtticItem("Item", "id"))
    assert items.rows(note) == [(1, "one"), (2, "two"), (3, None)]
    assert items.rows(key) == [(1,), (2,), (3,)]
    items.database.execute('TRUNCATE "Item"')
    empty = items.keep_one("Item")
    assert (empty.rows, attic.listing(items.connection)) == (0, (empty, key, note))


def test_items_without_data_are_not_copied(items: Attic) -> None:
    items.database.execute('CREATE VIEW "Shown" AS SELECT * FROM "Item"')
    assert (
        items.keep(AtticItem("folder"), AtticItem("Item", "alias"), AtticItem("Shown"), AtticItem("Shown", "note"))
        == ()
    )
    assert items.temporary() == []


def test_a_table_without_a_primary_key_is_refused_and_leaves_nothing_temporary(items: Attic) -> None:
    items.database.execute("CREATE TABLE keyless (a int); INSERT INTO keyless VALUES (1)")
    with pytest.raises(AtticFailed, match="keyless has no primary key"):
        items.keep(AtticItem("Item"), AtticItem("keyless"))
    assert items.temporary() == []
    assert [copy.item.id for copy in attic.listing(items.connection)] == ["Item"]


def test_the_error_about_a_missing_attic_says_how_to_create_it(empty: Tool) -> None:
    with database.connect(empty.settings, "test") as connection:
        attic.sweep(connection)
        assert attic.listing(connection) == ()
        assert attic.purge(connection, attic.overdue(connection, timedelta(0))) == ()
        with pytest.raises(AtticFailed, match="no attic yet") as caught:
            attic.keep(connection, [AtticItem("events")], attic.Taking(RUN, "push", ""))
    assert "alembic upgrade pre@head" in str(caught.value)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO \"Item\" VALUES (4, 'four', 'd')", [(1, "one"), (2, "two"), (3, None), (4, "four")]),
        ("UPDATE \"Item\" SET note = 'new' WHERE id < 3", [(1, "new"), (2, "new"), (3, None)]),
        ('DELETE FROM "Item" WHERE id > 1', [(1, "one")]),
        ('UPDATE "Item" SET id = id + 10', [(11, "one"), (12, "two"), (13, None)]),
        ('TRUNCATE "Item"', []),
        ("INSERT INTO \"Item\" VALUES (4); TRUNCATE \"Item\"; INSERT INTO \"Item\" VALUES (2, 'back')", [(2, "back")]),
        ("DELETE FROM \"Item\" WHERE id = 2; INSERT INTO \"Item\" VALUES (2, 'back')", None),
        ("INSERT INTO \"Item\" VALUES (2, 'back') ON CONFLICT (id) DO UPDATE SET note = excluded.note", None),
        ("MERGE INTO \"Item\" i USING (SELECT 2) s (n) ON id = n WHEN MATCHED THEN UPDATE SET note = 'back'", None),
        ("BEGIN; UPDATE \"Item\" SET note = 'no'; TRUNCATE \"Item\"; ROLLBACK", [(1, "one"), (2, "two"), (3, None)]),
        ("SET session_replication_role = replica; UPDATE \"Item\" SET note = 'back' WHERE id = 2", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", [None, "note"])
def test_writes_made_after_the_copy_reach_it(
    items: Attic, field: str | None, statement: str, expected: list[tuple[Any, ...]] | None
) -> None:
    copy = items.keep_one("Item", field)
    items.database.execute(statement)
    items.database.execute('DROP TABLE "Item"' if field is None else 'ALTER TABLE "Item" DROP COLUMN note')
    finished = items.finish(copy)
    wanted = [(1, "one"), (2, "back"), (3, None)] if expected is None else expected
    assert [row[:2] for row in items.rows(copy)] == wanted
    assert finished.rows == len(wanted)
    assert items.temporary() == []


def test_keep_waits_for_transactions_that_already_wrote(items: Attic) -> None:
    with items.connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'; SET lock_timeout = '30s'")
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = '\"Item\"'::regclass"
    with (
        ThreadPoolExecutor() as threads,
        _holding(items.database, "INSERT INTO \"Item\" VALUES (4, 'late', 'd')") as writer,
    ):
        copy = threads.submit(items.keep_one, "Item")
        _until(lambda: items.database.rows(waiting))
        writer.commit()
        assert items.rows(copy.result(30))[-1] == (4, "late", "d")


def test_writers_are_not_blocked_while_a_table_is_copied(items: Attic) -> None:
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'directus_sync.attic_copies'::regclass"
    with (
        ThreadPoolExecutor() as threads,
        _holding(items.database, "LOCK directus_sync.attic_copies IN EXCLUSIVE MODE") as holder,
    ):
        copy = threads.submit(items.keep_one, "Item")
        _until(lambda: items.database.rows(waiting))
        with psycopg.connect(items.database.conninfo, options="-c lock_timeout=1s", autocommit=True) as writer:
            writer.execute("UPDATE \"Item\" SET note = 'new' WHERE id = 1")
            writer.execute('DELETE FROM "Item" WHERE id = 2')
        holder.commit()
        items.finish(copy.result(30))
        assert items.rows(copy.result()) == [(1, "new", "a"), (3, None, "c")]


@pytest.mark.parametrize("field", [None, "note"])
def test_writes_between_mirror_and_copy_appear_once(
    items: Attic, monkeypatch: pytest.MonkeyPatch, field: str | None
) -> None:
    fill = mirror.fill

    def late(*arguments: Any) -> None:
        items.database.execute("TRUNCATE \"Item\"; INSERT INTO \"Item\" VALUES (1, 'again'), (4, 'four')")
        items.database.execute('UPDATE "Item" SET id = 5 WHERE id = 4')
        fill(*arguments)

    monkeypatch.setattr(mirror, "fill", late)
    copy = items.keep_one("Item", field)
    assert items.finish(copy).rows == 2
    assert [row[:2] for row in items.rows(copy)] == [(1, "again"), (5, "four")]


def test_writes_after_the_copy_are_compressed_with_lz4_if_available(items: Attic) -> None:
    """A copied value keeps its compression. A later write is compressed by its writer, and then again for the attic."""
    has_lz4 = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    expected = "lz4" if items.database.value(has_lz4) else "pglz"
    # Too long to be stored in its row, even compressed.
    value = "(SELECT string_agg('waypoint ' || n * 7919 % 10007, ',') FROM generate_series(1, 3000) AS n)"
    long = f"INSERT INTO \"Item\" SELECT {{}}, 'long', {value}"
    items.database.execute(f"SET default_toast_compression = 'pglz'; {long.format(4)}")
    copy = items.keep_one("Item")
    items.database.execute(f"SET default_toast_compression = 'pglz'; {long.format(5)}")
    how = "SELECT pg_column_compression({}) FROM attic.{} WHERE event = 'kept'"
    assert items.database.rows(how.format("image", f"log_{copy.id}")) == [(expected,)]
    items.finish(copy)
    kept = f"SELECT id, pg_column_compression(other) FROM attic.{copy.table} WHERE id > 3 ORDER BY id"
    assert items.database.rows(kept) == [(4, "pglz"), (5, expected)]
    assert items.database.value("SHOW default_toast_compression") == "pglz"


def test_a_table_dropped_just_before_its_copy_leaves_nothing(items: Attic, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = tables.find

    def find(connection: Any, schema: str, name: str) -> tables.Table | None:
        # `keep` calls find three times; the third call is just before the copy.
        looks.append(name)
        if len(looks) == 3:
            items.database.execute('DROP TABLE "Item"')
        return begin(connection, schema, name)

    looks: list[str] = []
    monkeypatch.setattr(tables, "find", find)
    assert items.keep(AtticItem("Item")) == ()
    assert (items.temporary(), attic.listing(items.connection)) == ([], ())


def test_keep_retries_after_a_lock_timeout(items: Attic) -> None:
    with items.connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10ms'")
    with (
        ThreadPoolExecutor() as threads,
        _holding(items.database, "INSERT INTO \"Item\" VALUES (4, 'late', 'd')") as writer,
    ):
        copy = threads.submit(items.keep_one, "Item")
        waits = "SELECT FROM pg_stat_activity WHERE application_name LIKE '%directus-sync test%' AND query = 'ROLLBACK'"
        _until(lambda: items.database.rows(waits + " AND datname = current_database()"))
        writer.commit()
        assert copy.result(30).rows == 4


def test_changes_made_by_the_table_s_own_triggers_are_copied(items: Attic) -> None:
    copy = items.keep_one("Item")
    items.database.execute(
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN UPDATE \"Item\" SET note = 'LOUD' WHERE note <> 'LOUD'; RETURN NULL; END$$;"
        ' CREATE TRIGGER "AAA" AFTER UPDATE ON "Item" FOR EACH ROW WHEN (pg_trigger_depth() = 0)'
        " EXECUTE FUNCTION shout()"
    )
    items.database.execute("UPDATE \"Item\" SET note = 'quiet' WHERE id < 3")
    live = items.database.rows('SELECT * FROM "Item" ORDER BY 1')
    items.finish(copy)
    assert live[0] == (1, "LOUD", "a")
    assert items.rows(copy) == live


@pytest.mark.parametrize("field", [None, "note"])
def test_a_writer_with_an_older_snapshot_succeeds_and_is_copied(items: Attic, field: str | None) -> None:
    with psycopg.connect(items.database.conninfo) as writer:
        writer.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        writer.execute("SELECT 1 FROM pg_class")
        copy = items.keep_one("Item", field)
        writer.execute("UPDATE \"Item\" SET note = 'new' WHERE id = 1")
        writer.execute('DELETE FROM "Item" WHERE id = 2')
        writer.execute("INSERT INTO \"Item\" VALUES (4, 'four', 'd')")
    items.finish(copy)
    assert [row[:2] for row in items.rows(copy)] == [(1, "new"), (3, None), (4, "four")]


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
@pytest.mark.parametrize(
    "change",
    [
        "DROP COLUMN note",
        "ALTER COLUMN note TYPE varchar(1) USING note::varchar(1)",
        "DROP COLUMN note, ADD COLUMN note varchar(10) DEFAULT 'new'",
        "ALTER COLUMN note TYPE int USING length(note)",
    ],
)
def test_writers_continue_after_the_column_is_changed_or_dropped(items: Attic, change: str, level: str) -> None:
    copy = items.keep_one("Item", "note")
    with psycopg.connect(items.database.conninfo) as writer:
        # Fill the session's caches, and take a snapshot from before the change.
        writer.execute("UPDATE \"Item\" SET note = 'last' WHERE id = 3")
        writer.commit()
        writer.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        writer.execute("SELECT 1 FROM pg_class")
        items.database.execute(f'ALTER TABLE "Item" {change}')
        for statement in (
            "UPDATE \"Item\" SET other = 'z'",
            "INSERT INTO \"Item\" (id, other) VALUES (4, 'much longer than ten')",
            'DELETE FROM "Item" WHERE id = 1',
        ):
            writer.execute(statement)
    items.database.execute('TRUNCATE "Item"')
    assert items.finish(copy).rows == len(items.rows(copy))
    assert items.rows(copy)[:3] == [(1, "one"), (2, "two"), (3, "last")]
    assert items.temporary() == []


@pytest.mark.parametrize("change", ["DROP TABLE attic.log_{id}", "DROP TABLE attic.copy_{id} CASCADE"])
def test_writers_continue_after_somebody_drops_the_attic_tables(items: Attic, change: str) -> None:
    copy = items.keep_one("Item")
    items.database.execute(change.format(id=copy.id))
    items.database.execute('UPDATE "Item" SET other = \'z\'; DELETE FROM "Item" WHERE id = 1; TRUNCATE "Item"')
    assert items.database.value('SELECT count(*) FROM "Item"') == 0


def test_writes_of_other_roles_are_copied_and_give_them_no_rights(items: Attic) -> None:
    copies = (items.keep_one("Item"), items.keep_one("Item", "note"))
    role = f"writer_{items.database.name}"
    items.database.execute(f'CREATE ROLE {role}; GRANT SELECT, INSERT ON "Item" TO {role}')
    try:
        with items.database.connect() as writer:
            writer.execute(f"SET ROLE {role}")
            writer.execute("INSERT INTO \"Item\" VALUES (4, 'four', 'd')")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                writer.execute(f"SELECT * FROM attic.{copies[0].table}")
        executable = (
            "SELECT oid FROM pg_proc WHERE pronamespace = 'attic'::regnamespace"
            " AND has_function_privilege(%s, oid, 'EXECUTE')"
        )
        assert items.database.rows(executable, role) == []
    finally:
        items.database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    for copy in copies:
        items.finish(copy)
        assert items.rows(copy)[-1][:2] == (4, "four")


@contextmanager
def _as_owner(items: Attic, more: str = "SELECT") -> Iterator[None]:
    """Run the attic's session as a role that owns its tables and may use the permissions and presets kept with them."""
    role = f"owner_{items.database.name}"
    items.database.execute(
        f"CREATE ROLE {role}; GRANT USAGE, CREATE ON SCHEMA public, attic, directus_sync TO {role};"
        f' ALTER TABLE "Item" OWNER TO {role}; ALTER TABLE directus_sync.attic_copies OWNER TO {role};'
        f" GRANT ALL ON directus_permissions, directus_presets TO {role}; {more}"
    )
    try:
        with items.connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {role}")
        yield
    finally:
        items.database.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_role_without_superuser_can_keep_restore_and_purge(items: Attic) -> None:
    with _as_owner(items):
        copy = items.keep_one("Item")
        items.database.execute("INSERT INTO \"Item\" VALUES (4, 'four', 'd')")
        attic.sweep(items.connection)
        items.database.execute('DELETE FROM "Item"')
        restored = items.restore(copy)
        assert (restored.restored, restored.rejected) == (4, ())
        assert len(attic.purge(items.connection, attic.overdue(items.connection, timedelta(0)))) == 1


def test_a_copy_fails_if_row_security_hides_rows(items: Attic) -> None:
    hidden = (
        'ALTER TABLE "Item" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;'
        ' CREATE POLICY few ON "Item" USING (id = 1)'
    )
    with _as_owner(items, hidden), pytest.raises(AtticFailed, match="row-level security policy"):
        items.keep(AtticItem("Item"))


def test_names_with_special_characters_work(kept: Attic) -> None:
    table, column = 'Öde "Größe" %s {0} ' + "x" * 38, "'; DROP TABLE events; -- \\ $$ %(x)s {}"
    names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
    with kept.database.connect() as connection:
        for statement in (
            "CREATE TABLE {table} (k int, {column} text, image text, PRIMARY KEY ({column}, k))",
            "INSERT INTO {table} VALUES (1, 'a', 'x'), (1, 'b', 'y')",
        ):
            connection.execute(sql.SQL(statement).format(**names))
        copies = (kept.keep_one(table), kept.keep_one(table, "image"))
        connection.execute(sql.SQL("UPDATE {table} SET image = 'z', k = 2 WHERE {column} = 'b'").format(**names))
        finished = attic.finish(kept.connection, copies)
        connection.execute(sql.SQL("DELETE FROM {table} WHERE k = 2").format(**names))
    assert [copy.rows for copy in finished] == [2, 2]
    assert kept.rows(copies[0]) == [(1, "a", "x"), (2, "b", "z")]
    whole, field = (attic.restore(kept.connection, copy.id) for copy in copies)
    assert (whole.restored, whole.already_there, whole.rejected) == (1, 1, ())
    assert (field.restored, field.already_there, field.rejected) == (0, 2, ())
    assert attic.listing(kept.connection)[-1].item == AtticItem(table)


def test_finish_drops_all_triggers_if_the_item_still_exists(items: Attic) -> None:
    copies = items.keep(AtticItem("Item"), AtticItem("Item", "note"))
    before = items.database.value("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^attic_'")
    attic.finish(items.connection, copies)
    attic.finish(items.connection, copies)
    assert (before, items.temporary()) == (8, [])


def test_purge_deletes_only_old_copies(items: Attic) -> None:
    old, new = items.keep_one("Item"), items.keep_one("Item", "note")
    items.database.execute(
        f"UPDATE directus_sync.attic_copies SET taken_at = now() - interval '31 days' WHERE id = {old.id}"
    )
    overdue = attic.overdue(items.connection, timedelta(days=30))
    assert [copy.id for copy in attic.purge(items.connection, overdue)] == [old.id]
    assert [copy.id for copy in attic.listing(items.connection)] == [new.id]
    tables = (
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'attic'::regnamespace AND relkind = 'r' ORDER BY 1"
    )
    assert items.database.rows(tables) == [(new.table,), (f"log_{new.id}",)]


def test_the_error_about_a_locked_table_names_it(items: Attic) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        _holding(items.database, 'LOCK TABLE "Item" IN ROW EXCLUSIVE MODE'),
        items.connection.cursor() as cursor,
    ):
        patch.setattr(tables, "_PASSING", frozenset())
        cursor.execute("SET lock_timeout = '50ms'")
        with pytest.raises(SyncError) as caught:
            items.keep(AtticItem("Item"))
    assert str(caught.value).startswith(
        "error[attic-failed]: Item could not be copied to the attic: canceling statement due to lock timeout"
    )
    assert attic.listing(items.connection) == ()


ENDLESS = """
from datetime import timedelta
from uuid import UUID
from directus_sync import attic, settings
from directus_sync.postgres import database
with database.connect(settings.load(), "test") as connection:
    while True:
        items = [attic.AtticItem(f"big_{number}") for number in range(4)]
        attic.finish(connection, attic.keep(connection, items, attic.Taking(UUID(int=1), "push", "")))
        attic.purge(connection, attic.overdue(connection, timedelta(days=1)))
"""


def _kill_while_keeping(kept: Attic, tool: Tool, delay: float) -> None:
    """Start a process that keeps and purges in an endless loop; kill it `delay` seconds after its first copy."""
    before = len(attic.listing(kept.connection))
    process = subprocess.Popen([sys.executable, "-c", ENDLESS], cwd=ROOT, env=tool.environ)
    _until(lambda: len(attic.listing(kept.connection)) > before)
    time.sleep(delay)
    process.kill()
    process.wait()
    session = "SELECT FROM pg_stat_activity WHERE application_name LIKE %s"
    _until(lambda: not kept.database.rows(session, f"%:{process.pid}"))


@pytest.mark.slow
def test_a_sweep_after_a_kill_leaves_only_complete_copies(kept: Attic, settled: Tool) -> None:
    for number in range(4):
        kept.database.execute(
            f"CREATE TABLE big_{number} (id int PRIMARY KEY, note text);"
            f" INSERT INTO big_{number} SELECT n, 'note ' || n FROM generate_series(1, 3000) n"
        )
    unsettled = 0
    for attempt in range(12):
        _kill_while_keeping(kept, settled, attempt * 0.007)
        unsettled += bool(kept.temporary())
        kept.database.execute(f"INSERT INTO big_0 VALUES ({-attempt}, 'after the kill')")
        attic.sweep(kept.connection)
        assert kept.temporary() == []
    assert unsettled
    copies = attic.listing(kept.connection)
    names = "SELECT relname::text FROM pg_class WHERE relnamespace = 'attic'::regnamespace AND relkind = 'r'"
    assert {name for (name,) in kept.database.rows(names)} == {copy.table for copy in copies}
    for copy in copies:
        counted = f"SELECT count(*), count(*) FILTER (WHERE id > 0) FROM attic.{copy.table}"
        assert kept.database.rows(counted) == [(copy.rows, 3000)]
