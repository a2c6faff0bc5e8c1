"""`last_positions` always equals the newest rows of `positions`, even with concurrent writes and deletes."""

from __future__ import annotations

import threading
from datetime import timedelta
from random import Random
from typing import Any, Final

import psycopg
import pytest

from tests.conftest import Cloning
from tests.migrations.revising import Standing
from tools.bench.positions import load

DEVICES: Final = [load.imei(number) for number in range(1, 6)]
DAYS: Final = 3
# The expected rows of last_positions, computed from all positions.
EXPECTED: Final = """
SELECT DISTINCT ON (device_id) device_id, ts, latitude, longitude, altitude, angle, speed, satellites
FROM positions WHERE NOT faulty ORDER BY device_id, ts DESC"""
KEPT: Final = "SELECT * FROM last_positions ORDER BY device_id"


def fix(device: str, second: int, *, faulty: bool = False) -> str:
    """Return the values of a fix as SQL. The second determines the place."""
    ts = load.START + timedelta(seconds=second)
    return f"('{device}', '{ts}', {second % 90}, 19.8, 20, 0, 40, 9, 0, '8E', '{{}}', {faulty})"


COLUMNS: Final = (
    "device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec, attributes, faulty"
)


def insert(connection: psycopg.Connection[Any], *fixes: str) -> None:
    connection.execute(
        f"INSERT INTO positions ({COLUMNS}) VALUES {', '.join(fixes)} ON CONFLICT (device_id, ts) DO NOTHING"
    )


def copy(connection: psycopg.Connection[Any], *fixes: str) -> None:
    connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS arriving (LIKE positions INCLUDING DEFAULTS)")
    connection.execute(f"TRUNCATE arriving; INSERT INTO arriving ({COLUMNS}) VALUES {', '.join(fixes)}")
    with connection.cursor().copy(f"COPY (SELECT {COLUMNS} FROM arriving) TO STDOUT") as out:
        rows = b"".join(bytes(block) for block in out)
    with connection.cursor().copy(f"COPY positions ({COLUMNS}) FROM STDIN") as into:
        into.write(rows)


def require_equal(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    kept = connection.execute(KEPT).fetchall()
    assert kept == connection.execute(EXPECTED).fetchall()
    return kept


def test_the_last_position_of_a_device_is_its_newest_fix_that_is_not_faulty(session: psycopg.Connection[Any]) -> None:
    one, other, *_ = DEVICES
    insert(session, fix(one, 10), fix(one, 30), fix(one, 20), fix(one, 40, faulty=True), fix(other, 5))
    assert [row[:3] for row in require_equal(session)] == [
        (one, load.START + timedelta(seconds=30), 30),
        (other, load.START + timedelta(seconds=5), 5),
    ]
    # A late fix and a repeated one are not newer.
    insert(session, fix(one, 15), fix(one, 30))
    copy(session, fix(other, 86_400 + 7), fix(other, 4))
    assert [row[2] for row in require_equal(session)] == [30, (86_400 + 7) % 90]


def test_the_last_position_follows_changed_moved_and_deleted_fixes(session: psycopg.Connection[Any]) -> None:
    one, other, *_ = DEVICES
    insert(session, *(fix(device, second) for device in (one, other) for second in (10, 86_400, 2 * 86_400)))
    for statement in (
        f"UPDATE positions SET faulty = true WHERE device_id = '{one}' AND ts > '{load.START + timedelta(hours=30)}'",
        "UPDATE positions SET faulty = NOT faulty",
        "UPDATE positions SET faulty = false",
        f"UPDATE positions SET device_id = 'else' WHERE device_id = '{other}'",
        "UPDATE positions SET latitude = -latitude",
        f"DELETE FROM positions WHERE ts > '{load.START + timedelta(hours=30)}'",
        f"DELETE FROM positions WHERE device_id = '{one}'",
        f"MERGE INTO positions USING (SELECT) AS nothing ON ts < '{load.START + timedelta(minutes=1)}'"
        " WHEN MATCHED THEN DELETE",
    ):
        session.execute(statement)
        require_equal(session)
    session.execute("TRUNCATE positions")
    assert require_equal(session) == []


def test_dropping_days_also_drops_their_last_positions(session: psycopg.Connection[Any]) -> None:
    one, other, *_ = DEVICES
    insert(session, fix(one, 10), fix(one, 2 * 86_400), fix(other, 20))
    dropped = session.execute("SELECT drop_positions(%s)", (load.START + timedelta(days=2),)).fetchone()
    assert dropped == (1,)
    assert [row[0] for row in require_equal(session)] == [one]
    assert session.execute("SELECT drop_positions(%s)", (load.START,)).fetchone() == (0,)


def test_fixes_that_were_written_without_triggers_can_be_filled_in(session: psycopg.Connection[Any]) -> None:
    insert(session, fix(DEVICES[0], 10))
    session.execute("DROP TRIGGER keep_last_positions ON positions")
    insert(session, *(fix(device, day * 86_400 + 20) for device in DEVICES[1:] for day in range(DAYS)))
    insert(session, fix(DEVICES[1], 3 * 86_400, faulty=True), fix("faulty", 1, faulty=True))
    session.execute("SELECT fill_last_positions()")
    assert len(require_equal(session)) == len(DEVICES)


def test_a_writer_of_positions_needs_no_right_on_last_positions(session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE ROLE writer_of_positions; GRANT SELECT, INSERT ON positions TO writer_of_positions")
    session.execute("SET LOCAL ROLE writer_of_positions")
    insert(session, fix(DEVICES[0], 10))
    with pytest.raises(psycopg.errors.InsufficientPrivilege), session.transaction():
        session.execute("DELETE FROM last_positions")
    session.execute("RESET ROLE")
    assert len(require_equal(session)) == 1


def test_concurrent_writers_leave_the_right_last_positions(clone: Cloning) -> None:
    """Each writer inserts, marks and deletes fixes of the same devices. A deadlock would fail the test."""
    database, failures = clone("deployed"), list[BaseException]()

    def write(seed: int) -> None:
        random = Random(seed)
        try:
            with database.connect() as connection:
                for _ in range(60):
                    seconds = [random.randrange(DAYS * 86_400) for _ in range(5)]
                    what = random.random()
                    if what < 0.6:
                        insert(connection, *(fix(device, second) for device in DEVICES for second in seconds))
                    else:
                        since = load.START + timedelta(seconds=max(seconds))
                        verb = "DELETE FROM positions" if what < 0.8 else "UPDATE positions SET faulty = NOT faulty"
                        device = random.choice(DEVICES)
                        connection.execute(f"{verb} WHERE device_id = '{device}' AND ts > '{since}'")
        except BaseException as error:
            failures.append(error)

    with database.connect() as connection:
        # Creates the chunks first, because creating a chunk locks out other writers.
        insert(connection, *(fix(DEVICES[0], day * 86_400) for day in range(DAYS)))
    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    with database.connect() as connection:
        assert require_equal(connection)


def test_a_fix_that_is_inserted_while_a_newer_one_is_marked_is_found(clone: Cloning) -> None:
    """The marking session waits for the inserting one, and then sees its fix."""
    database, device = clone("deployed"), DEVICES[0]
    with database.connect() as inserting, database.connect() as marking:
        insert(inserting, fix(device, 30))
        with inserting.transaction():
            insert(inserting, fix(device, 20))
            since = load.START + timedelta(seconds=25)
            mark = "UPDATE positions SET faulty = true WHERE ts > %s"
            marked = threading.Thread(target=marking.execute, args=(mark, (since,)))
            marked.start()
            marked.join(0.5)
            assert marked.is_alive()
        marked.join(10)
        assert [row[2] for row in require_equal(inserting)] == [20]


def test_the_table_is_filled_from_existing_positions(standing_at: Standing) -> None:
    revised = standing_at("pre_0015")
    with revised.database.connect() as connection:
        days = [day * 86_400 for day in range(DAYS)]
        insert(connection, *(fix(device, day + n) for n, device in enumerate(DEVICES) for day in days))
        insert(connection, fix("faulty", 1, faulty=True), fix(DEVICES[0], 3 * 86_400, faulty=True))
    revised.upgrade("pre_0016")
    with revised.database.connect() as connection:
        assert len(require_equal(connection)) == len(DEVICES)
    revised.downgrade("pre_0015")
    assert revised.database.value("SELECT to_regclass('last_positions')") is None
    assert revised.database.value("SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%last_positions%'") == 0
    revised.upgrade("pre_0016")
