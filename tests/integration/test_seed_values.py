"""The values of a seed file arrive in PostgreSQL unchanged, for every type, number and name, and stay in sync."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.conftest import Finished, RunningDirectus, Serving
from tests.making import collection, column, key, relation
from tests.processes import until

Seed = Callable[..., Finished]

NAME = column("name", "string", is_unique=True, is_nullable=False)
KINDS = {
    "big": "bigInteger", "ratio": "float", "at": "time", "day": "date", "local": "dateTime", "moment": "timestamp",
    "without_zone": "timestamp", "area": "geometry.Polygon", "spot": "geometry.Point",
}  # fmt: skip
THING = [
    *(column(name, kind) for name, kind in KINDS.items()),
    column("exact", "decimal", numeric_precision=20, numeric_scale=5),
    column("tags", "csv", "cast-csv"),
    column("options", "json", "cast-json"),
    column("open", "boolean", "cast-boolean"),
    column("parent", "integer", "m2o"),
]
# Directus creates a table for a name with a question mark without that character.
ODD = ['quo"te', "50%", "x#y", "back\\slash", "apo'strophe", "Select", "tab\tbed", "x" * 63]
ODD_FIELDS = ['q"f', "%f", "order", "com,ma"]


@pytest.fixture(scope="module")
def server(serve: Serving) -> Iterator[RunningDirectus]:
    """A Directus with typed keys, every kind of number, and odd names."""
    with serve("bootstrapped") as running:
        collection(running, "languages", key("code", "string"), NAME)
        collection(running, "things", key(), NAME, *THING)
        collection(running, "titles", key(), column("thing", "integer"), column("language", "string"))
        for owner, name, related in (
            ("titles", "thing", "things"), ("titles", "language", "languages"), ("things", "parent", "things"),
        ):  # fmt: skip
            relation(running, owner, name, related)
        for name in ODD:
            collection(running, name, key(), NAME, *(column(each, "string") for each in ODD_FIELDS))
        yield running


@pytest.fixture(scope="module")
def seed(server: RunningDirectus, tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """Return a function that seeds from a text."""
    folder = tmp_path_factory.mktemp("seeds")
    snapshot = folder / "schema.yaml"
    server.tool.done("pull", "--snapshot", snapshot)

    def seeded(text: str, *arguments: str, **settings: str) -> Finished:
        return server.tool.with_settings(**settings)("seed", "--snapshot", snapshot, *arguments, _file(folder, text))

    return seeded


def _file(folder: Path, text: str) -> Path:
    path = folder / "seed.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def _nothing_more(again: Finished, rows: int) -> None:
    assert again.out.startswith(f"Nothing to seed: {rows} row"), again.text


# Values

THINGS = """
    things:
    - name: no
      parent: {name: other}
      area: {type: Polygon, coordinates: [[[19.8, 41.3], [19.9, 41.3], [19.9, 41.400000000001], [19.8, 41.3]]]}
      spot: {type: Point, coordinates: [19.8187, 41.3275]}
      big: 9223372036854775807
      exact: 123456789123456.12345
      ratio: 1.1
      tags: [a, "b c", 1e3, 1.50]
      options:
        {yes: yes, n: 1e3, d: 2026-01-01, big: 9007199254740993, digits: 0.1234567890123456789, deep: [1, {x: null}]}
      moment: 2026-06-06 10:00+02:00
      without_zone: 2026-06-06 10:00
      local: 2026-06-06 10:00
      day: 2026-06-06
      at: 10:30
      open: yes
    - name: other
      parent: {name: no}
      exact: -0.00001
      options: a text
"""


def test_every_value_arrives_unchanged_and_equals_the_file_afterwards(server: RunningDirectus, seed: Seed) -> None:
    # The session's time zone must not shift a time without a zone.
    first = seed(THINGS, PGTZ="Asia/Tokyo")
    assert first.code == 0, first.text
    assert "2 created" in first.out
    rows = server.database.rows(
        "SELECT big::text, exact::text, ratio::text, tags, options::jsonb::text FROM things ORDER BY id"
    )
    assert rows == [
        (
            "9223372036854775807",
            "123456789123456.12345",
            "1.1",
            "a,b c,1e3,1.50",
            '{"d": "2026-01-01", "n": 1000, "big": 9007199254740993, "yes": "yes", "deep": [1, {"x": null}],'
            ' "digits": 0.1234567890123456789}',
        ),
        (None, "-0.00001", None, None, '"a text"'),
    ]
    one, other = server.http.get("/items/things", params={"sort": "id"}).json()["data"]
    assert (one["name"], one["open"]) == ("no", True)
    assert (one["spot"]["coordinates"], one["area"]["coordinates"][0][2]) == (
        [19.8187, 41.3275], [19.9, 41.400000000001],
    )  # fmt: skip
    assert (one["moment"], one["without_zone"]) == ("2026-06-06T08:00:00.000Z", "2026-06-06T10:00:00.000Z")
    assert (one["local"], one["day"], one["at"]) == ("2026-06-06T10:00:00", "2026-06-06", "10:30:00")
    # The two rows refer to each other, so one reference was written later.
    assert (one["parent"], other["parent"]) == (other["id"], one["id"])
    _nothing_more(seed(THINGS, PGTZ="Asia/Tokyo"), 2)

    changed = seed(THINGS.replace("41.3275", "41.3276").replace("deep: [1,", "deep: [7,").replace(".12345", ".12"))
    assert "0 created, 1 updated" in changed.out, changed.text
    for name in ("spot", "options", "exact"):
        assert f"{name}: " in changed.out
    assert "area: " not in changed.out

    refused = seed("things:\n- name: a\n  area: {type: Point, coordinates: [1, 2]}\n")
    assert refused.code == 2, refused.text
    assert "things.area can't have this value: Geometry type (Point) does not match" in refused.err
    assert "seed.yaml:3" in refused.err


def test_a_big_number_in_json_is_compared_digit_by_digit(server: RunningDirectus, seed: Seed) -> None:
    text = "things:\n- {name: digits, options: {n: 9007199254740993}}"
    assert seed(text).code == 0
    changed = seed(text.replace("993", "995"))
    assert "0 created, 1 updated" in changed.out, changed.text
    assert server.database.value("SELECT options->>'n' FROM things WHERE name = 'digits'") == "9007199254740995"


# References


TITLES = """
    $keys: {titles: [thing, language]}
    languages:
    - {code: sq-AL, name: Albanian}
    - {code: 'no', name: Norwegian}
    things:
    - {name: named}
    titles:
    - {thing: {name: named}, language: {code: sq-AL}}
    - {thing: {name: named}, language: {code: no}}
"""


def test_a_reference_can_use_a_typed_key(server: RunningDirectus, seed: Seed) -> None:
    first = seed(TITLES)
    assert first.code == 0, first.text
    assert "5 created" in first.out
    assert server.database.rows("SELECT language FROM titles ORDER BY language") == [("no",), ("sq-AL",)]
    _nothing_more(seed(TITLES), 5)
    more = """
        $keys: {titles: [thing, language]}
        languages:
        - {code: el, name: Greek}
        titles:
        - {thing: {name: named}, language: {name: Greek}}
    """
    assert "2 created" in seed(more).out


# Names


def test_seed_supports_any_name_of_collections_and_fields(server: RunningDirectus, seed: Seed) -> None:
    row = {"name": "a", **{field: f"{field} {number}" for number, field in enumerate(ODD_FIELDS)}}
    document = {name: [dict(row)] for name in ODD}
    first = seed(json.dumps(document))
    assert first.code == 0, first.text
    _nothing_more(seed(json.dumps(document)), len(ODD))
    for name in ODD:
        document[name][0]["%f"] = "100%"
    assert f"0 created, {len(ODD)} updated" in seed(json.dumps(document)).out
    for name in ODD:
        quoted = name.replace('"', '""').replace("%", "%%")
        found = server.database.rows(f'SELECT "%%f", "q""f" FROM "{quoted}" WHERE name = %s', "a")
        assert found == [("100%", 'q"f 0')], name


# File, database and last seed


def test_seed_updates_a_value_until_somebody_edits_it(server: RunningDirectus, seed: Seed) -> None:
    text = "things:\n- {name: sides, ratio: 1, at: 10:00}"
    assert "1 created" in seed(text).out
    moved = seed(text.replace("ratio: 1", "ratio: 2"))
    assert "~ things sides  ratio: 1 -> 2\n" in moved.out
    assert "0 created, 1 updated, 0 overwritten" in moved.out

    thing = server.database.value("SELECT id FROM things WHERE name = 'sides'")
    assert server.http.patch(f"/items/things/{thing}", json={"ratio": 5}).status_code == 200
    both = seed(text.replace("ratio: 1", "ratio: 3").replace("10:00", "11:00"))
    assert "at: 10:00:00 -> 11:00:00\n" in both.out
    assert "ratio: 5 -> 3; edited in Directus, left alone" in both.out
    assert server.database.rows("SELECT ratio, at::text FROM things WHERE id = %s", thing) == [(5.0, "11:00:00")]

    forced = seed(text.replace("ratio: 1", "ratio: 3").replace("10:00", "11:00"), "--force")
    assert "0 created, 1 overwritten" in forced.out
    assert "1 updated" in seed(text.replace("ratio: 1", "ratio: 4").replace("10:00", "11:00")).out


def test_seed_takes_over_an_existing_row_with_the_same_values(server: RunningDirectus, seed: Seed) -> None:
    server.create("things", name="found", ratio=1)
    dry = seed("things:\n- {name: found, ratio: 1}", "--dry-run")
    assert dry.code == 0, dry.text
    assert server.database.value("SELECT count(*) FROM directus_sync.seeded_rows WHERE fields->>'name' = 'found'") == 0
    _nothing_more(seed("things:\n- {name: found, ratio: 1}"), 1)
    assert "1 updated" in seed("things:\n- {name: found, ratio: 2}").out


# Requests


def test_seed_waits_for_a_batch_that_timed_out_instead_of_sending_it_again(server: RunningDirectus, seed: Seed) -> None:
    text = "things:\n- {name: late 1}\n- {name: late 2}"
    before = server.database.value("SELECT count(*) FROM things")
    waits = "SELECT count(*) FROM pg_locks WHERE relation = 'things'::regclass AND NOT granted"
    polls = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'directus-sync seed%%' AND query ~ 'RowExcl'"
    )
    done: list[Finished] = []
    with server.database.connect() as somebody:
        somebody.execute("BEGIN; LOCK TABLE things IN SHARE MODE")
        run = threading.Thread(target=lambda: done.append(seed(text, DIRECTUS_SYNC_REQUEST_TIMEOUT="2")))
        run.start()
        until(lambda: server.database.value(waits) == 1)
        until(lambda: server.database.value(polls))
        # Only one request waits: the batch was not split and sent again.
        assert server.database.value(waits) == 1
        somebody.execute("COMMIT")
    run.join()
    (failed,) = done
    assert failed.code == 1, failed.text
    assert "Directus did not respond to a request with 2 rows of things" in failed.err
    assert "is undone" in failed.err
    assert server.database.value("SELECT count(*) FROM things") == before
    assert "2 created" in seed(text).out
    assert server.database.value("SELECT count(*) FROM things") == before + 2
