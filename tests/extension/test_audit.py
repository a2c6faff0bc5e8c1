"""The audit trail: what is recorded, for whom, and who can read it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import httpx
import psycopg
import pytest

from tests.conftest import ROOT
from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.extension.test_tenant_guard import code

OPENAPI = json.loads((ROOT / "extensions/trm/openapi.json").read_text())
DESCRIBED = OPENAPI["paths"]["/trm/audit"]["get"]["responses"]
CHANGE = OPENAPI["components"]["schemas"]["Change"]["properties"]
TYPES = {"string": str, "object": dict, "null": type(None)}

PENALTY = {
    "entry_id": key("entry A"),
    "stage_id": key("stage A"),
    "type": "manual",
    "formula_snapshot": {},
    "penalty_seconds": 60,
    "source": "manual",
    "status": "proposed",
    "dedupe_key": "manual:1",
}
CROSSING = (
    "INSERT INTO public.entry_crossings (id, entry_id, geofence_id, direction, ts, source, status)"
    f" VALUES ('{key('crossing')}', '{key('entry A')}', '{key('fence A')}', 'enter', '2026-06-07Z', 'gps', 'auto')"
)


@pytest.fixture
def audited(rally_of: Rally) -> Rally:
    """The rally with an empty trail. The trail is append-only, so only TRUNCATE by its owner can empty it."""
    rally_of.directus.database.execute("TRUNCATE audit.changes, audit.actors")
    return rally_of


def read(rally_of: Rally, user: str = "director-of-a", **query: str) -> httpx.Response:
    """Request the trail of A; fail if openapi.json does not describe the answer."""
    with rally_of.as_user(user) as http:
        answer = http.get("/trm/audit", params={"organization_id": key("A")} | query)
    described = DESCRIBED[str(answer.status_code)]
    if answer.is_success:
        for change in answer.json()["data"] if "format" not in query else ():
            assert change.keys() == CHANGE.keys()
            for name, value in change.items():
                kinds = CHANGE[name]["type"]
                assert type(value) in {TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)}, name
    else:
        assert f"`{code(answer)[1]}`" in described["description"], answer.text
    return answer


def changes(rally_of: Rally, user: str = "director-of-a", **query: str) -> list[dict[str, Any]]:
    return list(read(rally_of, user, **query).json()["data"])


def summary(change: Mapping[str, Any]) -> tuple[str, str, str | None]:
    return change["collection"], change["action"], change["email"]


def test_the_trail_records_who_changed_a_row_and_the_row_before_and_after(audited: Rally) -> None:
    with audited.as_user("director-of-a") as http:
        made = http.post("/items/entry_penalties", json=PENALTY).json()["data"]["id"]
        path = f"/items/entry_penalties/{made}"
        assert http.patch(path, json={"status": "waived"}, headers={"Origin": "https://trm.example.com"}).is_success
    # No member can delete a penalty.
    assert audited.directus.http.delete(path).is_success
    deleted, changed, created = changes(audited)
    director, administrator = "director-of-a@example.com", audited.directus.database.environ["ADMIN_EMAIL"]
    assert [summary(each) for each in (created, changed, deleted)] == [
        ("entry_penalties", "insert", director),
        ("entry_penalties", "update", director),
        ("entry_penalties", "delete", administrator),
    ]
    assert {each["item"] for each in (created, changed, deleted)} == {made}
    assert {each["user"] for each in (created, changed)} == {key("director-of-a")}
    assert (created["before"], created["after"]["penalty_seconds"]) == (None, 60)
    assert (changed["before"]["status"], changed["after"]["status"]) == ("proposed", "waived")
    # Directus's revisions leave out foreign keys and deleted rows.
    assert (deleted["before"]["entry_id"], deleted["after"]) == (key("entry A"), None)
    assert (changed["ip"], changed["origin"]) == ("127.0.0.1", "https://trm.example.com")
    assert "python-httpx" in changed["user_agent"]


def test_the_trail_records_every_audited_table(audited: Rally) -> None:
    """Changes over the API, by a hook and by SQL. Each belongs to the organisation that its row leads to."""
    database = audited.directus.database
    database.execute(f"UPDATE public.entries SET status = 'confirmed' WHERE id = '{key('entry A')}'")
    database.execute(
        "INSERT INTO public.positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites,"
        " priority, codec, attributes) SELECT imei, '2026-06-07Z', 41, 19, 0, 0, 0, 9, 0, '8E', '{}'"
        " FROM public.devices"
    )
    flag = {"device_id": key("device A"), "event_id": key("event A"), "reason": "x",
            "from_ts": "2026-06-07T00:00:00Z", "to_ts": "2026-06-07T01:00:00Z"}  # fmt: skip
    with audited.as_user("director-of-a") as http:
        for path, row in (("entry_penalties", PENALTY), ("position_flags", flag)):
            answer = http.post(f"/items/{path}", json=row)
            assert answer.is_success, answer.text
        assert http.patch(f"/items/stages/{key('stage A')}", json={"status": "open"}).is_success
    with audited.as_user("admin-of-a") as http:
        membership = f"/items/organization_users/{key('viewer-of-a in A')}"
        assert http.patch(membership, json={"role": "marshal"}).is_success
    database.execute(CROSSING)
    database.execute(
        "INSERT INTO public.stage_results (id, stage_id, entry_id, class_id, status)"
        f" VALUES ('{key('result')}', '{key('stage A')}', '{key('entry A')}', '{key('class A')}', 'finished')"
    )
    director, admin = "director-of-a@example.com", "admin-of-a@example.com"
    found = {each["collection"]: each for each in changes(audited)}
    assert {name: (each["action"], each["email"]) for name, each in found.items()} == {
        "entry_penalties": ("insert", director),
        "position_flags": ("insert", director),
        # A hook wrote it when the stage opened, in the same user's transaction.
        "entry_segment_starts": ("insert", director),
        "organization_users": ("update", admin),
        # Changes by SQL, such as the processor's, have no user, only a database role.
        "entry_crossings": ("insert", None),
        "stage_results": ("insert", None),
    }
    assert found["entry_crossings"]["db_user"] == database.environ["DB_USER"]
    assert database.value("SELECT count(*) FROM audit.changes WHERE organization_id IS DISTINCT FROM %s", key("A")) == 0


def test_only_directus_administrators_see_changes_of_permissions(audited: Rally) -> None:
    http = audited.directus.http
    policy = http.post("/policies", json={"name": "Extra", "app_access": False, "admin_access": False}).json()["data"]
    try:
        permission = {"policy": policy["id"], "collection": "events", "action": "read", "fields": ["*"]}
        assert http.post("/permissions", json=permission).is_success
        role = {"policies": {"create": [{"policy": policy["id"]}], "update": [], "delete": []}}
        assert http.patch(f"/users/{key('stranger')}", json=role).is_success
    finally:
        assert http.delete(f"/policies/{policy['id']}").is_success
    email = audited.directus.database.environ["ADMIN_EMAIL"]
    answer = http.get("/trm/audit").json()["data"]
    for table in ("directus_policies", "directus_permissions", "directus_access"):
        assert (table, "insert", email) in {summary(each) for each in answer}, table
    assert summary(answer[0])[:2] in {("directus_policies", "delete"), ("directus_access", "delete")}
    with audited.as_user("admin-of-a") as member:
        assert code(member.get("/trm/audit")) == (403, "FORBIDDEN")
    assert changes(audited, "admin-of-a") == []


@pytest.mark.parametrize(
    ("user", "allowed"),
    [
        ("admin-of-a", True),
        ("director-of-a", True),
        ("marshal-of-a", False),
        ("timekeeper-of-a", False),
        ("participant-of-a", False),
        ("viewer-of-a", False),
        ("admin-of-b", False),
        ("stranger", False),
    ],
)
def test_administrators_and_race_directors_read_the_trail_of_their_organisation(
    audited: Rally, user: str, *, allowed: bool
) -> None:
    audited.directus.database.execute(CROSSING)
    answer = read(audited, user)
    assert answer.status_code == (200 if allowed else 403)
    if allowed:
        assert [each["item"] for each in answer.json()["data"]] == [key("crossing")]
    assert code(read(audited, user, organization_id=key("no organisation"))) == (403, "FORBIDDEN")
    # The trail cannot be read as a collection.
    assert audited.as_user(user).get("/items/audit_trail").status_code == 403


def test_the_trail_cannot_be_read_without_logging_in(audited: Rally) -> None:
    answer = httpx.get(audited.directus.http.base_url.join(f"/trm/audit?organization_id={key('A')}"))
    assert code(answer) == (401, "UNAUTHORIZED")


def test_the_trail_can_be_filtered_and_paged(audited: Rally) -> None:
    database = audited.directus.database
    database.execute(CROSSING)
    for number in range(3):
        database.execute(f"UPDATE public.entry_crossings SET speed_kmh = {number}")
    database.execute(f"UPDATE public.organization_users SET role = 'viewer' WHERE id = '{key('marshal-of-a in A')}'")
    assert len(changes(audited)) == 5
    assert len(changes(audited, collection="entry_crossings")) == 4
    assert len(changes(audited, item=key("marshal-of-a in A"))) == 1
    found = changes(audited)
    whole = [each["id"] for each in found]
    first = [each["id"] for each in changes(audited, limit="2")]
    assert first + [each["id"] for each in changes(audited, before=first[-1])] == whole
    oldest, newest = found[-1]["at"], found[0]["at"]
    # Two changes can have the same millisecond.
    assert changes(audited, to=newest) == [each for each in found if each["at"] < newest]
    assert len(changes(audited, **{"from": oldest})) == 5


@pytest.mark.parametrize(
    "query",
    [
        {"organization_id": "A"},
        {"limit": "0"},
        {"limit": "10001"},
        {"from": "yesterday"},
        {"before": "x"},
        {"format": "xml"},
        {"surprise": "1"},
    ],
)
def test_an_invalid_query_of_the_trail_is_refused(audited: Rally, query: dict[str, str]) -> None:
    assert code(read(audited, **query)) == (400, "INVALID_QUERY")


def test_the_csv_export_escapes_formulas(audited: Rally) -> None:
    with audited.as_user("director-of-a") as http:
        made = http.post("/items/entry_penalties", json=PENALTY, headers={"User-Agent": '=HYPERLINK("x")'})
        assert made.is_success, made.text
    answer = read(audited, format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "audit.csv" in answer.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert row.keys() == CHANGE.keys()
    assert (row["collection"], row["email"], row["before"]) == ("entry_penalties", "director-of-a@example.com", "")
    assert json.loads(row["after"])["penalty_seconds"] == 60
    assert row["user_agent"] == '\'=HYPERLINK("x")'


def test_the_trail_keeps_changes_of_a_deleted_user(audited: Rally) -> None:
    http = audited.directus.http
    user = {"id": key("leaver"), "email": "leaver@example.com", "token": "leaver", "role": None}
    policies = {"policies": {"create": [{"policy": key("everything")}], "update": [], "delete": []}}
    assert http.post("/users", json=user | policies).is_success
    try:
        membership = {"organization_id": key("A"), "user_id": key("leaver"), "role": "race-director"}
        joined = http.post("/items/organization_users", json=membership).json()["data"]["id"]
        with audited.as_user("leaver") as leaver:
            assert leaver.post("/items/entry_penalties", json=PENALTY).is_success
        assert http.delete(f"/items/organization_users/{joined}").is_success
    finally:
        assert http.delete(f"/users/{key('leaver')}").is_success
    made = {change["action"]: change for change in changes(audited, collection="entry_penalties")}
    assert (made["insert"]["user"], made["insert"]["email"]) == (key("leaver"), "leaver@example.com")
    # The penalty itself no longer names its issuer.
    assert (made["update"]["before"]["issued_by"], made["update"]["after"]["issued_by"]) == (key("leaver"), None)


@pytest.mark.parametrize("statement", ["UPDATE audit.{} SET tx = '0'", "DELETE FROM audit.{}"])
@pytest.mark.parametrize("table", ["changes", "actors"])
def test_the_trail_is_append_only(audited: Rally, statement: str, table: str) -> None:
    database = audited.directus.database
    database.execute(CROSSING)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        database.execute(statement.format(table))


def test_an_update_of_many_rows_pairs_old_and_new_rows(audited: Rally) -> None:
    database = audited.directus.database
    crossings = CROSSING.replace(f"'{key('crossing')}'", "gen_random_uuid()")
    for hour in range(3):
        database.execute(crossings.replace("07Z", f"07 0{hour}:00Z"))
    database.execute("UPDATE public.entry_crossings SET speed_kmh = extract(hour FROM ts)")
    for each in changes(audited)[:3]:
        assert {**each["before"], "speed_kmh": None} == {**each["after"], "speed_kmh": None}
        assert (each["before"]["id"], each["before"]["speed_kmh"]) == (each["item"], None)
    # If the key changes, the old row and the new row are recorded separately.
    database.execute(f"DELETE FROM public.entry_crossings; {CROSSING}; UPDATE public.entry_crossings SET id = entry_id")
    both = [(each["item"], each["before"] is None, each["after"] is None) for each in changes(audited, limit="2")]
    assert sorted(both) == sorted([(key("crossing"), False, True), (key("entry A"), True, False)])


def test_an_update_without_a_change_is_not_recorded(audited: Rally) -> None:
    database = audited.directus.database
    database.execute(f"{CROSSING}; UPDATE public.entry_crossings SET status = status, updated_at = now()")
    assert [each["action"] for each in changes(audited)] == ["insert"]


def test_a_rolled_back_change_is_not_recorded(audited: Rally) -> None:
    penalties = [PENALTY, {**PENALTY, "status": "overridden", "dedupe_key": "manual:2"}]
    with audited.as_user("director-of-a") as http:
        assert code(http.post("/items/entry_penalties", json=penalties)) == (400, "CONSTRAINT_VIOLATED")
    assert changes(audited) == []


def test_a_reused_transaction_number_does_not_name_the_old_user(audited: Rally) -> None:
    """A restored dump keeps transaction numbers, which the new server will use again."""
    database = audited.directus.database
    database.execute(CROSSING)
    transaction = database.value("SELECT tx FROM audit.changes")
    database.execute(f"INSERT INTO audit.actors (tx, at, email) VALUES ('{transaction}', '2020-01-01Z', 'other')")
    assert [each["email"] for each in changes(audited)] == [None]
