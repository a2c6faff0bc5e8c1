"""Deploys by a role without superuser rights, and the least privileges of Directus, processor and reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from directus_sync import roles
from directus_sync.errors import RoleNeedsSuperuser
from directus_sync.postgres import database
from directus_sync.roles import granting
from directus_sync.settings import ROOT
from directus_sync.state import fingerprint
from tests.conftest import Copying, Database, RunningDirectus, Tool, running_directus
from tests.course import ROWS

PASSWORD = "of-a-role"
NEEDED = "then run again:\n"
EVERY_ITEM = [collection for collection in ROWS if not collection.startswith("directus_")]


def as_role(served: Database, role: str) -> psycopg.Connection:
    return psycopg.connect(
        psycopg.conninfo.make_conninfo(served.conninfo, user=role, password=PASSWORD), autocommit=True
    )


@pytest.fixture(scope="module")
def owner(copied: Copying) -> Iterator[Tool]:
    """The tool as a role that only owns its database. A superuser executed the statements that its deploy asked for."""
    with copied("empty") as made:
        role = f"deployer_{made.name}"
        made.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'; ALTER DATABASE {made.name} OWNER TO {role}")
        tool = Tool(made).with_settings(DIRECTUS_SYNC_DB_USER=role, DIRECTUS_SYNC_DB_PASSWORD=PASSWORD)
        needed = []
        while (done := tool("deploy")).code != 0:
            assert NEEDED in done.err, done.text
            statements = done.err.partition(NEEDED)[2]
            assert statements not in needed, done.text
            needed.append(statements)
            made.execute(statements)
        assert "CREATE EXTENSION postgis SCHEMA public;" in "".join(needed)
        yield tool
    made.maintenance.execute(f"DROP ROLE {role}")


@pytest.fixture(scope="module")
def served(owner: Tool) -> Iterator[RunningDirectus]:
    """A Directus that connects as trm_directus."""
    for role in ("trm_directus", "trm_processor", "trm_reader"):
        owner.database.execute(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'")
    with running_directus(Tool(owner.database).with_settings(DB_USER="trm_directus", DB_PASSWORD=PASSWORD)) as running:
        yield running


@pytest.fixture(scope="module")
def last_item(served: RunningDirectus) -> str:
    """One item of each collection, created over the API; the path of the last one."""
    for collection, row in ROWS.items():
        path = "/users" if collection == "directus_users" else f"/items/{collection}"
        created = served.http.post(path, json=dict(row))
        assert created.status_code == 200, f"{collection}: {created.text}"
    return f"/items/{collection}/{created.json()['data']['id']}"


def test_a_deploy_without_superuser_leaves_no_difference(owner: Tool) -> None:
    assert (
        owner.database.value(
            "SELECT count(*) FROM pg_roles WHERE rolname = %s AND rolsuper", owner.settings.database.user
        )
        == 0
    )
    owner.done("check")
    assert owner("deploy").out.startswith("Nothing to do")


def test_the_directus_role_can_change_items_but_not_the_schema(served: RunningDirectus, last_item: str) -> None:
    for collection in EVERY_ITEM:
        assert served.http.get(f"/items/{collection}").json()["data"], collection
    path = f"/items/events/{ROWS['events']['id']}"
    assert served.http.patch(path, json={"name": "Another"}).json()["data"]["name"] == "Another"
    doubled = served.http.post("/items/organizations", json={"name": "MCA", "slug": "mca"})
    assert doubled.json()["errors"][0]["extensions"]["code"] == "RECORD_NOT_UNIQUE"
    refused = served.http.post("/collections", json={"collection": "mine", "schema": {}, "fields": []})
    assert refused.status_code >= 400
    assert served.database.value("SELECT to_regclass('public.mine') IS NULL")
    assert served.http.delete(last_item).status_code == 204


@pytest.mark.parametrize("role", ["trm_directus", "trm_processor", "trm_reader"])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM directus_sync.deploys",
        "SELECT FROM audit.changes",
        "CREATE TABLE attic.mine ()",
        "CREATE TABLE public.mine ()",
        "ALTER TABLE public.events ADD COLUMN mine int",
        "DROP TABLE public.positions",
        "TRUNCATE public.events",
    ],
)
def test_no_role_can_change_the_schema_or_read_the_tool_s_tables(
    served: RunningDirectus, role: str, statement: str
) -> None:
    with as_role(served.database, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.usefixtures("last_item")
def test_each_role_can_do_only_its_own_work(served: RunningDirectus) -> None:
    position = (
        "INSERT INTO public.positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites,"
        " priority, codec, attributes) VALUES ('1', now(), 41, 19, 0, 0, 0, 9, 0, '8E', '{}')"
    )
    queries = (ROOT / "tools" / "positions" / "queries.sql").read_text(encoding="utf-8")
    denied = psycopg.errors.InsufficientPrivilege
    with as_role(served.database, "trm_processor") as processor:
        processor.execute(position)
        processor.execute("UPDATE public.positions SET faulty = true")
        processor.execute(queries.encode())
        with pytest.raises(denied):
            processor.execute("UPDATE public.events SET name = 'mine'")
        for statement in ("SELECT FROM public.directus_users", "SELECT FROM public.audit_trail"):
            with pytest.raises(denied):
                processor.execute(statement)
        processor.execute("UPDATE public.entry_crossings SET speed_kmh = 1")
    with as_role(served.database, "trm_directus") as directus:
        assert directus.execute("SELECT count(*) FROM public.positions").fetchone() == (1,)
        assert directus.execute("SHOW statement_timeout").fetchone() == ("2min",)
        with pytest.raises(denied):
            directus.execute("DELETE FROM public.positions")
        # Triggers write the audit trail, which trm_directus itself may not write.
        recorded = "SELECT count(*) > 0, min(db_user) FROM public.audit_trail WHERE action = 'update'"
        assert directus.execute(f"{recorded} AND collection = 'entry_crossings'").fetchone() == (True, "trm_processor")
    with as_role(served.database, "trm_reader") as reader:
        reader.execute("SELECT FROM public.entries")
        theirs = ("SELECT FROM public.directus_users", "SELECT FROM public.audit_trail", "DELETE FROM public.entries")
        for statement in theirs:
            with pytest.raises(denied):
                reader.execute(statement)


def test_granting_corrects_changed_privileges(owner: Tool) -> None:
    owner.database.execute("REVOKE DELETE ON events FROM trm_directus; GRANT UPDATE ON events TO trm_reader")
    owner.database.execute("GRANT USAGE ON SCHEMA attic TO trm_reader")
    wanted = roles.read(owner.settings.roles)
    with database.connect(owner.settings, "test") as connection:
        assert not fingerprint.unmoved(connection, owner.settings)
        assert granting.apply(connection, wanted) == (
            'GRANT DELETE ON TABLE "public"."events" TO "trm_directus"',
            'REVOKE UPDATE ON TABLE "public"."events" FROM "trm_reader"',
            'REVOKE USAGE ON SCHEMA "attic" FROM PUBLIC, "trm_reader"',
        )
        assert granting.plan(connection, wanted) == ()


def test_granting_revokes_rights_on_columns_and_the_rights_of_everybody(owner: Tool) -> None:
    owner.database.execute(
        "GRANT SELECT, UPDATE (name) ON events TO trm_processor; GRANT SELECT (email) ON directus_users TO PUBLIC"
    )
    owner.database.execute(
        "GRANT SELECT ON audit_trail TO PUBLIC; GRANT USAGE ON SEQUENCE directus_activity_id_seq TO PUBLIC"
    )
    wanted = roles.read(owner.settings.roles)
    with database.connect(owner.settings, "test") as connection:
        assert not fingerprint.unmoved(connection, owner.settings)
        assert granting.apply(connection, wanted) == (
            'REVOKE SELECT ON TABLE "public"."audit_trail" FROM PUBLIC',
            'REVOKE USAGE ON SEQUENCE "public"."directus_activity_id_seq" FROM PUBLIC',
            'REVOKE SELECT ("email") ON TABLE "public"."directus_users" FROM PUBLIC',
            'REVOKE UPDATE ("name") ON TABLE "public"."events" FROM "trm_processor"',
        )
        assert granting.plan(connection, wanted) == ()
    assert owner.database.value("SELECT has_table_privilege('trm_reader', 'spatial_ref_sys', 'SELECT')")


def test_a_right_on_a_column_is_noticed_by_the_next_deploy(owner: Tool) -> None:
    owner.database.execute("GRANT SELECT (email) ON directus_users TO trm_reader")
    assert "Corrected: 1 right" in owner.done("deploy").text
    owner.done("check")


def test_a_setting_that_the_file_no_longer_has_is_reset(owner: Tool, tmp_path: Path) -> None:
    role = f"slow_{owner.database.name}"
    path = tmp_path / "roles.yaml"
    path.write_text(f"{role}:\n  settings: {{lock_timeout: 5s}}\n", encoding="utf-8")
    settings = ("lock_timeout TO '5s'", "statement_timeout TO '1min'", "work_mem TO '8MB'")
    owner.database.execute(
        "; ".join((f"CREATE ROLE {role} LOGIN", *(f"ALTER ROLE {role} SET {each}" for each in settings)))
    )
    try:
        with database.connect(owner.settings, "test") as connection:
            statements = granting.plan(connection, roles.read(path))
            assert statements == (f'ALTER ROLE "{role}" RESET "statement_timeout"',)
            owner.database.execute(*statements)
            assert granting.plan(connection, roles.read(path)) == ()
    finally:
        owner.database.execute(f"DROP ROLE {role}")


def test_granting_leaves_roles_alone_that_no_file_lists(owner: Tool) -> None:
    stranger = f"read only {owner.database.name}"
    owner.database.execute(f'CREATE ROLE "{stranger}"; GRANT SELECT, UPDATE ON events TO "{stranger}"')
    try:
        with database.connect(owner.settings, "test") as connection:
            assert granting.plan(connection, roles.read(owner.settings.roles)) == ()
    finally:
        owner.database.execute(f'DROP OWNED BY "{stranger}"; DROP ROLE "{stranger}"')


def test_granting_revokes_a_right_on_a_column_of_a_sequence(owner: Tool) -> None:
    owner.database.execute("GRANT SELECT (last_value) ON directus_activity_id_seq TO trm_reader")
    wanted = roles.read(owner.settings.roles)
    with database.connect(owner.settings, "test") as connection:
        assert granting.apply(connection, wanted) == (
            'REVOKE SELECT ("last_value") ON TABLE "public"."directus_activity_id_seq" FROM "trm_reader"',
        )
        assert granting.plan(connection, wanted) == ()


@pytest.fixture
def stranger(owner: Tool) -> Iterator[str]:
    """A role that no file lists."""
    name = f"stranger_{owner.database.name}"
    owner.database.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    owner.database.execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def test_rights_of_everybody_and_on_columns_that_the_tool_cannot_revoke_only_give_a_note(
    owner: Tool, stranger: str
) -> None:
    owner.database.execute(
        f"CREATE VIEW theirs AS SELECT 1; ALTER VIEW theirs OWNER TO {stranger}; GRANT SELECT ON theirs TO PUBLIC;"
        " GRANT SELECT, INSERT, UPDATE, DELETE ON theirs TO trm_directus; GRANT SELECT ON theirs TO trm_reader;"
        f" GRANT SELECT ON events TO {stranger} WITH GRANT OPTION; SET ROLE {stranger};"
        " GRANT SELECT ON events TO PUBLIC; RESET ROLE;"
        " GRANT UPDATE (name) ON events TO trm_processor WITH GRANT OPTION; SET ROLE trm_processor;"
        " GRANT UPDATE (name) ON events TO trm_reader; RESET ROLE"
    )
    wanted = roles.read(owner.settings.roles)
    try:
        with database.connect(owner.settings, "test") as connection:
            assert granting.apply(connection, wanted) == ()
            assert granting.left_alone(connection, wanted) == (
                'REVOKE SELECT ON TABLE "public"."events" FROM PUBLIC',
                'REVOKE UPDATE ("name") ON TABLE "public"."events" FROM "trm_processor"',
                'REVOKE UPDATE ("name") ON TABLE "public"."events" FROM "trm_reader"',
                'REVOKE SELECT ON TABLE "public"."theirs" FROM PUBLIC',
            )
        done = owner.done("deploy")
        assert "note: 4 rights not in roles.yaml could not be revoked" in done.text
        assert "Corrected" not in done.text
        assert "REVOKE" not in owner("check").out
    finally:
        owner.database.execute("REVOKE UPDATE (name) ON events FROM trm_processor CASCADE")
        owner.database.execute(f"REVOKE GRANT OPTION FOR SELECT ON events FROM {stranger} CASCADE")


def test_rights_on_schemas_that_the_tool_cannot_revoke_are_left_alone(owner: Tool, stranger: str) -> None:
    wanted = roles.read(owner.settings.roles)
    # A member of the owner has all rights on its schemas.
    owner.database.execute(f"GRANT {owner.settings.database.user} TO trm_reader")
    try:
        with database.connect(owner.settings, "test") as connection:
            assert granting.apply(connection, wanted) == ()
            owner.database.execute(f"ALTER SCHEMA public OWNER TO {stranger}; GRANT CREATE ON SCHEMA public TO PUBLIC")
            assert granting.apply(connection, wanted) == ()
            (left,) = granting.left_alone(connection, wanted)
            assert left.startswith('REVOKE CREATE ON SCHEMA "public" FROM PUBLIC, ')
    finally:
        owner.database.execute(f"REVOKE {owner.settings.database.user} FROM trm_reader")
        owner.database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        owner.database.execute("ALTER SCHEMA public OWNER TO pg_database_owner")


def test_a_statement_without_effect_is_not_reported_as_corrected(owner: Tool, stranger: str) -> None:
    owner.database.execute(
        f"CREATE VIEW theirs AS SELECT 1; ALTER VIEW theirs OWNER TO {stranger};"
        f" GRANT SELECT ON theirs TO trm_directus, {owner.settings.database.user}"
    )
    with database.connect(owner.settings, "test") as connection, pytest.raises(RoleNeedsSuperuser) as refused:
        granting.apply(connection, roles.read(owner.settings.roles))
    assert 'GRANT SELECT ON TABLE "public"."theirs" TO "trm_reader";' in str(refused.value)


def test_a_right_that_its_role_passed_on_needs_a_superuser(owner: Tool) -> None:
    owner.database.execute(
        "GRANT UPDATE ON events TO trm_reader WITH GRANT OPTION; SET ROLE trm_reader;"
        " GRANT UPDATE ON events TO trm_processor; RESET ROLE"
    )
    try:
        with database.connect(owner.settings, "test") as connection, pytest.raises(RoleNeedsSuperuser) as refused:
            granting.apply(connection, roles.read(owner.settings.roles))
        assert "CASCADE" in str(refused.value)
    finally:
        owner.database.execute("REVOKE UPDATE ON events FROM trm_reader CASCADE")


def test_granting_prints_the_statements_that_need_a_superuser(owner: Tool, tmp_path: Path) -> None:
    role = f"missing_{owner.database.name}"
    path = tmp_path / "roles.yaml"
    path.write_text(f"{role}:\n  settings: {{lock_timeout: 5s}}\n", encoding="utf-8")
    with database.connect(owner.settings, "test") as connection, pytest.raises(RoleNeedsSuperuser) as refused:
        granting.apply(connection, roles.read(path))
    assert f'CREATE ROLE "{role}" LOGIN;' in str(refused.value)
    assert f"""ALTER ROLE "{role}" SET "lock_timeout" TO '5s';""" in str(refused.value)
