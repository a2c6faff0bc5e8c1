"""Restoring from the attic: missing rows come back, nothing is overwritten, and every rejected row gets a reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directus_sync.errors import AtticItemMissing, AtticUnknownCopy
from tests.attics import Attic, open_attic, resetting
from tests.conftest import Tool

ITEM = "CREATE TABLE item (id int PRIMARY KEY, note varchar(10), amount numeric(8, 2))"
ALL = [(1, "one", "1.50"), (2, "two", "2.00"), (3, None, None)]


@pytest.fixture
def kept(settled: Tool) -> Iterator[Attic]:
    with resetting(settled.database), open_attic(settled) as opened:
        opened.database.execute(f"{ITEM}; INSERT INTO item VALUES (1, 'one', 1.5), (2, 'two', 2), (3, NULL, NULL)")
        yield opened


def _live(kept: Attic) -> list[tuple[object, ...]]:
    return kept.database.rows("SELECT id, note, amount::text FROM item ORDER BY id")


def test_restore_inserts_missing_rows_once_and_keeps_the_copy(kept: Attic) -> None:
    copy = kept.taken("item")
    kept.database.execute("DROP TABLE item; " + ITEM)
    done = kept.restore(copy)
    assert (done.restored, done.already_there, done.rejected, done.missing_columns) == (3, 0, (), ())
    assert _live(kept) == ALL
    assert done.copy.restored_at is not None
    assert kept.database.value("SELECT restored_at FROM directus_sync.attic_copies") == done.copy.restored_at
    again = kept.restore(copy)
    assert (again.restored, again.already_there, again.rejected) == (0, 3, ())
    assert len(kept.rows(copy)) == 3


def test_restore_leaves_a_row_with_other_values_and_names_it(kept: Attic) -> None:
    copy = kept.taken("item")
    kept.database.execute(
        "UPDATE item SET note = 'mine', amount = 7 WHERE id = 1; UPDATE item SET note = '' WHERE id = 3"
    )
    before = _live(kept)
    done = kept.restore(copy)
    assert (done.restored, done.already_there) == (0, 1)
    assert {row.key: row.reason for row in done.rejected} == {
        "1": "the table has this row with another note, amount",
        "3": "the table has this row with another note",
    }
    assert _live(kept) == before


def test_restore_names_rows_that_violate_a_constraint_with_the_reason(kept: Attic) -> None:
    kept.database.execute("INSERT INTO item VALUES (4, 'three', 3)")
    copy = kept.taken("item")
    kept.database.execute(
        "TRUNCATE item; ALTER TABLE item ALTER note SET NOT NULL, ADD CONSTRAINT note_once UNIQUE (note),"
        " ADD CONSTRAINT amount_low CHECK (amount < 3); INSERT INTO item VALUES (9, 'two', 0)"
    )
    done = kept.restore(copy)
    assert (done.restored, done.already_there) == (1, 0)
    assert {row.key: row.reason for row in done.rejected} == {
        "2": 'duplicate key value violates unique constraint "note_once": Key (note)=(two) already exists.',
        "3": 'null value in column "note" of relation "item" violates not-null constraint',
        "4": 'new row for relation "item" violates check constraint "amount_low"',
    }
    assert [row[0] for row in _live(kept)] == [1, 9]


def test_restore_reports_missing_columns_and_fills_new_ones_with_their_default(kept: Attic) -> None:
    copy = kept.taken("item")
    kept.database.execute("TRUNCATE item; ALTER TABLE item DROP amount, ADD kind text NOT NULL DEFAULT 'plain'")
    done = kept.restore(copy)
    assert (done.restored, done.missing_columns) == (3, ("amount",))
    assert kept.database.rows("SELECT DISTINCT kind FROM item") == [("plain",)]


@pytest.mark.parametrize(
    ("change", "rejected"),
    [
        ("ALTER note TYPE text", {}),
        ("ADD kind text NOT NULL", dict.fromkeys("123", 'null value in column "kind"')),
        ("ALTER note TYPE varchar(2)", {"1": "hold the value of note", "2": "hold the value of note"}),
        ("ALTER note TYPE int USING NULL", {"1": "integer: \"one\"", "2": "integer: \"two\""}),
        ("ALTER amount TYPE numeric(10, 5)", {}),
        ("ALTER amount TYPE numeric(8, 0)", {"1": "hold the value of amount"}),
        ("ALTER id TYPE uuid USING gen_random_uuid()", {"1": "uuid: \"1\"", "2": "uuid: \"2\"", "3": "uuid: \"3\""}),
    ],
)  # fmt: skip
def test_a_row_is_restored_unchanged_or_rejected_if_the_table_changed(
    kept: Attic, change: str, rejected: dict[str, str]
) -> None:
    copy = kept.taken("item")
    kept.database.execute(f"TRUNCATE item; ALTER TABLE item {change}")
    for _ in range(2):
        done = kept.restore(copy)
        assert done.restored + done.already_there == 3 - len(rejected)
        assert [row.key for row in done.rejected] == list(rejected)
        assert all(rejected[row.key] in row.reason for row in done.rejected), done.rejected


def test_a_row_is_restored_only_after_its_parent(kept: Attic) -> None:
    kept.database.execute(
        "CREATE TABLE child (id int PRIMARY KEY, item int REFERENCES item); INSERT INTO child VALUES (1, 1), (2, 2)"
    )
    child, item = kept.taken("child"), kept.taken("item")
    kept.database.execute("TRUNCATE child, item; INSERT INTO item VALUES (1, 'one', 1.5)")
    done = kept.restore(child)
    assert done.restored == 1
    assert [(row.key, row.reason) for row in done.rejected] == [
        (
            "2",
            'insert or update on table "child" violates foreign key constraint "child_item_fkey":'
            ' Key (item)=(2) is not present in table "item".',
        )
    ]
    assert kept.restore(item).restored == 2
    done = kept.restore(child)
    assert (done.restored, done.already_there, done.rejected) == (1, 1, ())


@pytest.mark.parametrize(("order", "deferrable"), [("1, 2000", ""), ("2000, 1, -1", "DEFERRABLE INITIALLY DEFERRED")])
def test_a_chain_is_restored_except_rows_that_depend_on_a_rejected_one(
    kept: Attic, order: str, deferrable: str
) -> None:
    kept.database.execute(
        f"CREATE TABLE chain (id int PRIMARY KEY, next int REFERENCES chain {deferrable});"
        f" INSERT INTO chain SELECT n, nullif(n + 1, 2001) FROM generate_series({order}) n"
    )
    copy = kept.taken("chain")
    kept.database.execute("TRUNCATE chain; ALTER TABLE chain ADD CONSTRAINT c CHECK (id <> 50)")
    with kept.connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '20s'")
    done = kept.restore(copy)
    assert done.restored == 1950
    reasons = {row.key: row.reason for row in done.rejected}
    assert "check constraint" in reasons.pop("50")
    assert reasons.keys() == {str(n) for n in range(1, 50)}
    assert all("foreign key" in reason for reason in reasons.values())


def test_restore_keeps_ids_and_advances_sequences(kept: Attic) -> None:
    kept.database.execute(
        "CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, no serial,"
        ' "Twice" int GENERATED ALWAYS AS (no * 2) STORED);'
        " INSERT INTO numbered (no) SELECT n FROM generate_series(10, 40, 10) n"
    )
    create = (
        "DROP TABLE numbered; CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, no serial,"
        ' "Twice" int GENERATED ALWAYS AS (no * 2) STORED)'
    )
    copy = kept.taken("numbered")
    kept.database.execute(create)
    done = kept.restore(copy)
    assert (done.restored, done.missing_columns) == (4, ())
    kept.database.execute("INSERT INTO numbered DEFAULT VALUES")
    assert kept.database.rows("SELECT * FROM numbered ORDER BY id")[-2:] == [(4, 40, 80), (5, 41, 82)]
    # A restore never lowers a sequence: ids beyond those of the copy may have been used.
    kept.database.execute("SELECT setval('numbered_id_seq', 1000)")
    kept.restore(copy)
    assert kept.database.value("SELECT nextval('numbered_id_seq')") == 1001


def test_a_row_that_a_trigger_skips_is_reported_as_rejected(kept: Attic) -> None:
    copy = kept.taken("item")
    kept.database.execute(
        "TRUNCATE item; CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN IF NEW.id = 2 THEN RETURN NULL; END IF; RETURN NEW; END$$;"
        " CREATE TRIGGER skip BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION skip()"
    )
    done = kept.restore(copy)
    assert done.restored == 2
    assert [(row.key, row.reason) for row in done.rejected] == [("2", "a trigger of the table skipped it")]


def test_restore_fills_a_field_that_is_empty(kept: Attic) -> None:
    copy = kept.taken("item", "note")
    kept.database.execute(
        "ALTER TABLE item DROP note; ALTER TABLE item ADD note varchar(10);"
        " DELETE FROM item WHERE id = 2; INSERT INTO item VALUES (4, 4)"
    )
    done = kept.restore(copy)
    assert (done.restored, done.already_there) == (1, 1)
    assert [(row.key, row.reason) for row in done.rejected] == [("2", "the row is gone")]
    assert _live(kept) == [(1, "one", "1.50"), (3, None, None), (4, None, "4.00")]
    again = kept.restore(copy)
    assert (again.restored, again.already_there, len(again.rejected)) == (0, 2, 1)


def test_restore_never_overwrites_a_field(kept: Attic) -> None:
    copy = kept.taken("item", "note")
    kept.database.execute("UPDATE item SET note = 'mine' WHERE id <> 2")
    done = kept.restore(copy)
    assert (done.restored, done.already_there) == (0, 1)
    assert [(row.key, row.reason) for row in done.rejected] == [
        ("1", "the row has another value now"),
        ("3", "the row has another value now"),
    ]


def test_restore_overwrites_a_default_only_with_over_default(kept: Attic) -> None:
    copy = kept.taken("item", "note")
    kept.database.execute(
        "ALTER TABLE item DROP note; ALTER TABLE item ADD note varchar(10) NOT NULL DEFAULT 'none';"
        " UPDATE item SET note = 'mine' WHERE id = 2"
    )
    assert kept.restore(copy).restored == 0
    done = kept.restore(copy, over_default=True)
    assert done.restored == 1
    assert {row.key: row.reason for row in done.rejected} == {
        "2": "the row has another value now",
        "3": 'null value in column "note" of relation "item" violates not-null constraint',
    }
    assert [row[1] for row in _live(kept)] == ["one", "mine", "none"]


def test_restore_brings_back_shortened_values_that_were_not_changed_since(kept: Attic) -> None:
    note, amount = kept.keep_one("item", "note"), kept.keep_one("item", "amount")
    kept.database.execute(
        "ALTER TABLE item ALTER note TYPE varchar(1) USING note::varchar(1), ALTER amount TYPE numeric(8, 0)"
    )
    assert [kept.finish(note).became, kept.finish(amount).became] == ["character varying(1)", "numeric(8,0)"]
    kept.database.execute("UPDATE item SET note = 'T' WHERE id = 2")
    rejected = {row.key: row.reason for row in kept.restore(note).rejected}
    assert rejected["1"] == "the column can't hold the value"
    kept.database.execute("ALTER TABLE item ALTER note TYPE varchar(10), ALTER amount TYPE numeric(8, 2)")
    done = kept.restore(note)
    assert (done.restored, done.already_there) == (1, 1)
    assert [(row.key, row.reason) for row in done.rejected] == [("2", "the row has another value now")]
    assert kept.restore(amount).restored == 1
    assert _live(kept) == [(1, "one", "1.50"), (2, "T", "2.00"), (3, None, None)]


@pytest.mark.parametrize(
    ("field", "change", "missing"),
    [
        (None, "DROP TABLE item", "collection item"),
        (None, "ALTER TABLE item RENAME id TO number", "field item.id"),
        ("note", "ALTER TABLE item DROP note", "field item.note"),
    ],
)
def test_restore_names_the_collection_or_field_that_is_missing(
    kept: Attic, field: str | None, change: str, missing: str
) -> None:
    copy = kept.taken("item", field)
    kept.database.execute(change)
    with pytest.raises(AtticItemMissing) as caught:
        kept.restore(copy)
    assert str(caught.value) == (
        f"error[attic-item-missing]: {missing} does not exist, so copy {copy.id} can't be restored\n"
        "  next:  push a snapshot that has it, then run again"
    )
    assert caught.value.exit_code == 1


def test_restore_refuses_an_unknown_copy(kept: Attic) -> None:
    gone = kept.taken("item")
    kept.database.execute(f"DROP TABLE attic.{gone.table}")
    with pytest.raises(AtticUnknownCopy, match="the attic has no copy 1") as caught:
        kept.restore(gone)
    assert caught.value.exit_code == 2


def test_restore_first_completes_the_copy_of_a_killed_run(kept: Attic) -> None:
    copy = kept.keep_one("item")
    kept.database.execute("INSERT INTO item VALUES (4, 'four', 4)")
    kept.database.execute("DROP TABLE item; " + ITEM)
    assert kept.restore(copy).restored == 4
    assert kept.temporary() == []


def test_restore_rejects_many_rows_within_seconds(kept: Attic) -> None:
    kept.database.execute(
        "CREATE TABLE many (id int PRIMARY KEY, note text);"
        " INSERT INTO many SELECT n, 'note ' || n FROM generate_series(1, 20000) n"
    )
    copy = kept.taken("many")
    kept.database.execute("TRUNCATE many; ALTER TABLE many ADD CONSTRAINT odd CHECK (id % 2 = 1)")
    with kept.connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '20s'")
    done = kept.restore(copy)
    assert (done.restored, len(done.rejected)) == (10000, 10000)
