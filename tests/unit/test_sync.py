"""The order of a push and a pull: what is looked at first, what is sent, and what is never sent.

The server here plays back what a test gives it, diffs captured from a real Directus among them.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import httpx
import pytest
import yaml

from directus_sync.commands import pipeline, pulling, sessions, sync
from directus_sync.commands.pushing import Request
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import (
    ApplyFailed,
    ApplyUnclear,
    DirectusUnavailable,
    InvalidSnapshot,
    NotConverged,
    RequestFailed,
    SyncError,
    UnpushedFileChanges,
)
from directus_sync.output import Progress
from directus_sync.schema import diff, snapshot
from directus_sync.schema.guard import Approvals, Plan
from directus_sync.schema.snapshot import Reading, Snapshot
from directus_sync.settings import Settings
from directus_sync.state import fingerprint

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

URL = "http://directus.example:8055"
Answers = Mapping[str, Any]
EXPORT = (Path(__file__).parents[1] / "fixtures" / "station.yaml").read_bytes()
# Of the same schema, in other bytes: only a diff can tell.
OTHER_BYTES = EXPORT + b"# another\n"
# Of these Directus makes an export.
LISTS = ["/collections", "/fields", "/relations"]
NO_DATABASE = cast("Connection", None)


class Server:
    """Plays these answers of /schema/diff, the last one for ever; remembers the order of requests."""

    def __init__(self, *diffs: object) -> None:
        self.version = "11.17.4"
        self.diffs = list(diffs)
        self.apply: httpx.Response | Exception = httpx.Response(204)
        self.export = OTHER_BYTES
        self.schema: Any = {}
        self.asked: list[str] = []
        self.bodies: dict[str, bytes] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        self.bodies[path] = request.read()
        answer: object = None
        match path:
            case "/server/ping":
                return httpx.Response(200, text="pong")
            case "/server/info":
                return httpx.Response(200, json={"data": {"version": self.version}})
            case "/schema/snapshot":
                return httpx.Response(200, content=self.export)
            case "/collections" | "/fields" | "/relations":
                assert request.url.params["export"] == "json"
                return httpx.Response(200, json=self.listed(path[1:]))
            case "/schema/diff":
                answer = self.diffs.pop(0) if len(self.diffs) > 1 else self.diffs[0]
            case "/schema/apply":
                answer = self.apply
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(204) if answer is None else httpx.Response(200, json={"data": answer})

    def listed(self, name: str) -> list[Any]:
        """Return a list of Directus's, from which it would make this part of the schema."""
        system = [{**entry, "meta": {"system": True}} for entry in self.schema.get("systemFields", ())]
        return [{"schema": None, **entry} for entry in self.schema.get(name, ())] + (system if name == "fields" else [])

    @property
    def paths(self) -> list[str]:
        """What was asked, in order; the lists, which are asked for at once, in the order of LISTS."""
        groups = groupby(self.asked, key=LISTS.__contains__)
        return [path for together, paths in groups for path in (sorted(paths) if together else paths)]

    @property
    def applied(self) -> int:
        return self.asked.count("/schema/apply")


@pytest.fixture
def settings(load: Callable[..., Settings]) -> Settings:
    return load(ADMIN_TOKEN="the-token")


@pytest.fixture
def wanted(station: bytes) -> Snapshot:
    return snapshot.parse(station, "snapshots/schema.yaml")


@pytest.fixture
def harmless(captured_answers: Answers) -> Any:
    return captured_answers["field_added"]


@pytest.fixture
def lossy(captured_answers: Answers) -> Any:
    return captured_answers["field_removed"]


@pytest.fixture
def client_of(settings: Settings) -> Callable[[Server], DirectusClient]:
    return lambda server: DirectusClient(URL, settings, httpx.MockTransport(server))


ClientOf = Callable[[Server], DirectusClient]


# Push


class Around:
    """Records when it was entered and left, by the applies that the server had seen."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.seen: list[int] = []

    @contextmanager
    def __call__(self, _: Plan) -> Iterator[None]:
        self.seen.append(self.server.applied)
        yield
        self.seen.append(self.server.applied)


def plan_of(answer: Any) -> Plan:
    """Return an answer of the server as a plan, unjudged."""
    return Plan(diff.from_server((answer["hash"], answer["diff"])))


@pytest.fixture
def push(client_of: ClientOf, wanted: Snapshot) -> Callable[[Server, Any], Around]:
    """Return a function that pushes the plan of one answer of the server, and looks again."""

    def pushed(server: Server, answer: Any) -> Around:
        around = Around(server)
        client = client_of(server)
        sync.push(client, wanted, plan_of(answer), around=around)
        sync.require_equal(client, wanted, fresh=True)
        return around

    return pushed


Push = Callable[[Server, Any], Around]


def test_a_comparison_clears_the_cache_then_reads_then_asks(client_of: ClientOf, wanted: Snapshot) -> None:
    server = Server(None)
    assert sync.require_equal(client_of(server), wanted).content == OTHER_BYTES
    assert server.paths == ["/utils/cache/clear", "/server/info", *LISTS, "/schema/snapshot", "/schema/diff"]


def test_a_comparison_of_just_the_same_needs_no_diff(client_of: ClientOf, wanted: Snapshot) -> None:
    server = Server(AssertionError("nothing to ask"))
    server.schema = yaml.safe_load(EXPORT)
    assert sync.require_equal(client_of(server), wanted) is wanted
    assert server.paths == ["/utils/cache/clear", "/server/info", *LISTS]


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        "text",
        {"collections": None, "fields": [], "systemFields": [], "relations": []},
        {"collections": [1], "fields": [], "systemFields": [], "relations": []},
        {"collections": [{"collection": ["a"]}], "fields": [], "systemFields": [], "relations": []},
    ],
)
def test_what_is_no_schema_is_not_the_same(wanted: Snapshot, schema: object) -> None:
    assert not wanted.equals(schema)


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("collections", {"meta": None}),
        ("collections", {"collection": "other"}),
        ("fields", {"schema": None}),
        ("fields", {"meta": {"hidden": 0}}),
        ("systemFields", {"schema": {"is_indexed": 1}}),
        ("relations", {"related_collection": None}),
    ],
)
def test_another_value_or_another_type_is_not_the_same(wanted: Snapshot, section: str, change: Any) -> None:
    schema = yaml.safe_load(EXPORT)
    assert wanted.equals(schema)
    schema[section][0] |= change
    assert not wanted.equals(schema)


def test_one_item_more_or_less_is_not_the_same(wanted: Snapshot) -> None:
    for section in ("collections", "fields", "systemFields", "relations"):
        less, more = yaml.safe_load(EXPORT), yaml.safe_load(EXPORT)
        del less[section][0]
        more[section].append({"collection": "more", "field": "more"})
        assert not wanted.equals(less)
        assert not wanted.equals(more)


def test_an_item_that_is_there_twice_is_not_the_same(wanted: Snapshot) -> None:
    for section in ("collections", "fields", "systemFields", "relations"):
        schema = yaml.safe_load(EXPORT)
        schema[section].append(schema[section][0])
        assert not wanted.equals(schema)


def test_a_comparison_sends_all_that_the_file_says_in_its_order(client_of: ClientOf, wanted: Snapshot) -> None:
    server = Server(None)
    sync.require_equal(client_of(server), wanted)
    _, sent, kind = wanted.upload
    assert sent in server.bodies["/schema/diff"]
    assert kind == "application/json"
    assert json.dumps(json.loads(sent)) == json.dumps(yaml.safe_load(wanted.content))


def test_what_json_does_not_have_is_sent_as_it_is(station: bytes) -> None:
    content = station.replace(b"default_value: null", b"default_value: -.inf", 1)
    assert snapshot.parse(content, "snapshots/schema.yaml").upload == ("snapshot.yaml", content, "text/yaml")


def test_a_snapshot_of_another_version_is_not_even_compared(client_of: ClientOf, wanted: Snapshot) -> None:
    server = Server(None)
    server.version = "11.18.0"
    with pytest.raises(InvalidSnapshot, match=r"this Directus is 11\.18\.0"):
        planned(client_of(server), wanted, not_asked_for, probably_equal=False)
    assert server.paths == ["/server/info", "/utils/cache/clear"]


def planned(
    client: DirectusClient, wanted: Snapshot, base: Callable[[], Reading | None], *, probably_equal: bool
) -> Plan:
    """Plan a push that puts no rows at risk."""
    return sync.plan(client, NO_DATABASE, at_hand(wanted), base, Approvals(), None, probably_equal=probably_equal)


def not_asked_for() -> Reading:
    raise AssertionError("nobody needs the base")


def nothing_recorded() -> None:
    """Stand for a database that has no base."""


def at_hand(parsed: Snapshot) -> Reading:
    """Return a reading that is done."""
    return Reading(parsed.content, lambda: parsed)


def test_where_nothing_differs_the_schema_is_not_read(client_of: ClientOf, wanted: Snapshot) -> None:
    server = Server(None)
    assert not planned(client_of(server), wanted, nothing_recorded, probably_equal=False)
    assert server.paths == ["/server/info", "/utils/cache/clear", "/schema/diff"]


def test_what_is_probably_equal_is_looked_at_before_it_is_compared(client_of: ClientOf, wanted: Snapshot) -> None:
    server = Server(None)
    look = ["/server/info", "/utils/cache/clear", *LISTS]
    server.schema = yaml.safe_load(EXPORT)
    assert not planned(client_of(server), wanted, not_asked_for, probably_equal=True)
    assert server.paths == look
    server.schema["fields"][0]["meta"]["note"] = "another"
    assert not planned(client_of(server), wanted, nothing_recorded, probably_equal=True)
    assert server.paths == [*look, *look, "/schema/diff"]


def test_the_schema_of_a_server_that_loses_something_is_read_after_the_comparison(
    client_of: ClientOf, wanted: Snapshot, captured_answers: Answers
) -> None:
    server = Server(captured_answers["relation_removed"])
    server.schema = yaml.safe_load(EXPORT)
    assert planned(client_of(server), wanted, lambda: at_hand(wanted), probably_equal=False)
    assert server.paths == ["/server/info", "/utils/cache/clear", "/schema/diff", *LISTS]


def test_the_schema_of_a_server_that_only_lacks_something_is_not_read(
    client_of: ClientOf, wanted: Snapshot, harmless: Any
) -> None:
    server = Server(harmless)
    assert planned(client_of(server), wanted, nothing_recorded, probably_equal=False)
    assert server.paths == ["/server/info", "/utils/cache/clear", "/schema/diff"]


def test_what_is_compared_but_not_listed_is_not_judged(client_of: ClientOf, wanted: Snapshot, lossy: Any) -> None:
    """Without its entry the guard would see no rows at risk; as where one Directus has not heard of another's work."""
    server = Server(lossy)
    server.schema = yaml.safe_load(EXPORT)
    (removed,) = lossy["diff"]["fields"]
    name = (removed["collection"], removed["field"])
    listed = next(entry for entry in server.schema["fields"] if (entry["collection"], entry["field"]) == name)
    server.schema["fields"].remove(listed)
    with pytest.raises(RequestFailed, match=f"field {'.'.join(name)}, and does not list it"):
        planned(client_of(server), wanted, nothing_recorded, probably_equal=False)


class Meanwhile:
    """A server that ends an answer to `path` only when the parsing has begun, which begins only with the request."""

    def __init__(self, path: str, server: Server) -> None:
        self.path = path
        self.server = server
        self.asked = threading.Event()
        self.parsing = threading.Event()

    def parse(self) -> None:
        assert self.asked.wait(5), "parsed before the server was asked"
        self.parsing.set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == self.path:
            self.asked.set()
            assert self.parsing.wait(5), "not parsed before the server answered"
        return self.server(request)


def test_the_base_is_parsed_while_the_server_compares(settings: Settings, wanted: Snapshot) -> None:
    meanwhile = Meanwhile("/schema/diff", Server(None))

    def parsed() -> Snapshot:
        meanwhile.parse()
        return wanted

    base = Reading(OTHER_BYTES, parsed)
    client = DirectusClient(URL, settings, httpx.MockTransport(meanwhile))
    sync.plan(client, NO_DATABASE, at_hand(wanted), lambda: base, Approvals(), None, probably_equal=False)
    assert meanwhile.parsing.is_set()


def test_the_file_is_made_ready_to_compare_while_the_server_lists_its_schema(
    settings: Settings, full: Server, station: bytes
) -> None:
    meanwhile, read = Meanwhile("/collections", full), snapshot.parse(station, "schema.yaml")

    def parsed() -> Snapshot:
        meanwhile.parse()
        return read

    client = DirectusClient(URL, settings, httpx.MockTransport(meanwhile))
    reading = Reading(station, parsed)
    sync.plan(client, NO_DATABASE, reading, nothing_recorded, Approvals(), None, probably_equal=True)
    assert meanwhile.parsing.is_set()


def test_a_base_of_the_same_bytes_is_not_parsed(settings: Settings, wanted: Snapshot) -> None:
    def parsed() -> Snapshot:
        raise AssertionError

    base, server = Reading(wanted.content, parsed), Server(None)
    client = DirectusClient(URL, settings, httpx.MockTransport(server))
    sync.plan(client, NO_DATABASE, at_hand(wanted), lambda: base, Approvals(), None, probably_equal=False)
    assert "/schema/diff" in server.paths


def begun_and_pushed(settings: Settings, request: Request, progress: Progress) -> Plan:
    reading = snapshot.read(settings.snapshot)
    reading.begin()
    return pipeline.push(settings, reading, request, progress)


@pytest.mark.parametrize("command", [begun_and_pushed, pipeline.plan, pipeline.adopt])
def test_the_file_is_parsed_beside_the_work(
    command: Callable[..., object], load: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any of these has a Directus."""
    parse, parsing = snapshot.parse, tmp_path / "parsing"

    def noted(*arguments: Any) -> Snapshot:
        parsing.write_text(str(os.getpid()))
        return parse(*arguments)

    def none(*_: object) -> NoReturn:
        raise DirectusUnavailable("none")

    monkeypatch.setattr(snapshot, "parse", noted)
    monkeypatch.setattr(sessions, "reading", lambda *_: nullcontext())
    monkeypatch.setattr(sessions, "writing", lambda *_: nullcontext())
    monkeypatch.setattr(sessions, "directus", none)
    monkeypatch.setattr(fingerprint, "unmoved", lambda *_: None)
    progress, request = Progress(), () if command is pipeline.adopt else (Request(),)
    with pytest.raises(DirectusUnavailable):
        command(load(), *request, progress)
    progress.meanwhile()
    assert int(parsing.read_text()) != os.getpid()


def test_a_file_that_is_no_snapshot_is_never_sent(client_of: ClientOf) -> None:
    server, spoilt = Server(None), b"a: &a [1]\nb: [*a, *a]\n"
    reading = Reading(spoilt, lambda: snapshot.parse(spoilt, "schema.yaml"))
    with pytest.raises(InvalidSnapshot, match="an alias"):
        sync.plan(client_of(server), NO_DATABASE, reading, nothing_recorded, Approvals(), None, probably_equal=False)
    assert "/schema/diff" not in server.paths


def test_a_file_is_parsed_while_the_server_writes_the_same(
    settings: Settings, full: Server, station: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(station)
    meanwhile, parse = Meanwhile("/schema/snapshot", full), snapshot.parse

    def parsed(*arguments: Any, **options: Any) -> Snapshot:
        meanwhile.parse()
        return parse(*arguments, **options)

    monkeypatch.setattr(snapshot, "parse", parsed)
    client = DirectusClient(URL, settings, httpx.MockTransport(meanwhile))
    assert pulling.write(client, path, nothing_recorded, overwrite=False)[1] is False


def test_something_else_is_done_while_the_server_writes(settings: Settings, full: Server, tmp_path: Path) -> None:
    meanwhile = Meanwhile("/schema/snapshot", full)
    client = DirectusClient(URL, settings, httpx.MockTransport(meanwhile))
    path = tmp_path / "schema.yaml"
    assert pulling.write(client, path, nothing_recorded, overwrite=True, meanwhile=meanwhile.parse)[1]


def test_what_fails_while_the_server_writes_ends_the_pull(client_of: ClientOf, full: Server, tmp_path: Path) -> None:
    def fail() -> None:
        raise NotConverged("of something else", next="mend it")

    with pytest.raises(NotConverged, match="of something else"):
        pulling.write(client_of(full), tmp_path / "schema.yaml", nothing_recorded, overwrite=True, meanwhile=fail)
    assert list(tmp_path.iterdir()) == []


def test_a_push_sends_once_then_looks_again(push: Push, harmless: Any) -> None:
    server = Server(None)
    push(server, harmless)
    again = ["/utils/cache/clear", "/schema/snapshot", "/schema/diff"]
    assert server.paths == ["/schema/apply", "/server/info", *LISTS, *again]


def test_a_push_sends_the_diff_of_the_server_with_its_hash(push: Push, harmless: Any) -> None:
    server = Server(None)
    push(server, harmless)
    assert json.dumps({"hash": harmless["hash"], "diff": harmless["diff"]}).encode() in server.bodies["/schema/apply"]


def test_copies_are_made_before_anything_is_sent(push: Push, harmless: Any) -> None:
    assert push(Server(None), harmless).seen == [0, 1]


def test_a_push_that_changes_too_little_is_a_failure(push: Push, harmless: Any) -> None:
    server = Server(harmless)
    with pytest.raises(NotConverged) as caught:
        push(server, harmless)
    assert caught.value.exit_code == 1
    assert "add field country.iso" in str(caught.value)
    assert server.applied == 1


def test_an_apply_that_directus_refuses_is_the_end(push: Push, harmless: Any) -> None:
    server = Server(None)
    server.apply = httpx.Response(400, json={"errors": [{"message": "hash does not match"}]})
    with pytest.raises(ApplyFailed, match="hash does not match"):
        push(server, harmless)
    assert server.paths == ["/schema/apply"]


def test_an_apply_whose_answer_was_lost_but_happened_is_done(push: Push, harmless: Any) -> None:
    server = Server(None)
    server.apply = httpx.ReadTimeout("slow")
    assert push(server, harmless).seen == [0, 1]
    assert server.applied == 1
    assert server.paths[-1] == "/schema/diff"


def test_an_apply_whose_answer_was_lost_and_did_not_happen_is_unclear_and_not_repeated(
    push: Push, harmless: Any
) -> None:
    server = Server(harmless)
    server.apply = httpx.ReadTimeout("slow")
    with pytest.raises(ApplyUnclear) as caught:
        push(server, harmless)
    assert caught.value.exit_code == 1
    assert server.applied == 1


def test_an_apply_after_which_the_server_is_gone_is_unclear(push: Push, harmless: Any) -> None:
    # Not "Directus does not answer", exit 2: the reader must know that an apply was sent.
    server = Server(httpx.ConnectError("Connection refused"))
    server.apply = httpx.ReadError("reset")
    with pytest.raises(SyncError) as caught:
        push(server, harmless)
    assert isinstance(caught.value, ApplyUnclear)
    assert server.applied == 1


@pytest.mark.parametrize("broken", [b"", b"<html>Welcome to nginx!</html>"])
def test_an_unclear_apply_stays_unclear_when_looking_again_fails(push: Push, harmless: Any, broken: bytes) -> None:
    server = Server(httpx.Response(200, content=broken))
    server.apply = httpx.ReadError("reset")
    with pytest.raises(ApplyUnclear):
        push(server, harmless)


def test_require_equal_names_what_differs_up_to_a_limit(client_of: ClientOf, wanted: Snapshot, lossy: Any) -> None:
    (entry,) = lossy["diff"]["fields"]
    entries = [{**entry, "field": f"elev_{number}"} for number in range(25)]
    many = {"hash": lossy["hash"], "diff": {**lossy["diff"], "fields": entries}}
    with pytest.raises(NotConverged) as caught:
        sync.require_equal(client_of(Server(many)), wanted)
    assert "25 items still differ" in str(caught.value)
    assert str(caught.value).count("remove field station.elev_") == sync.ITEMS_SHOWN


# Pull


@pytest.fixture
def full(station: bytes) -> Server:
    server = Server(None)
    server.export = station
    return server


def test_a_pull_writes_the_bytes_of_the_server(
    client_of: ClientOf, full: Server, station: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "schema.yaml"
    live, changed = pulling.write(client_of(full), path, nothing_recorded, overwrite=True)
    assert changed
    assert path.read_bytes() == station
    assert set(live.section("collections")) == {("country",), ("station",)}


def test_a_pull_asks_for_a_fresh_view_of_the_schema(client_of: ClientOf, full: Server, tmp_path: Path) -> None:
    pulling.write(client_of(full), tmp_path / "schema.yaml", nothing_recorded, overwrite=True)
    assert full.paths.index("/utils/cache/clear") < full.paths.index("/schema/snapshot")


def test_a_pull_of_the_same_bytes_leaves_the_file_alone(client_of: ClientOf, full: Server, tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    pulling.write(client_of(full), path, nothing_recorded, overwrite=True)
    before = path.stat()
    assert pulling.write(client_of(full), path, nothing_recorded, overwrite=True)[1] is False
    assert path.stat().st_ino == before.st_ino
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_pull_makes_the_folders_that_are_missing(client_of: ClientOf, full: Server, tmp_path: Path) -> None:
    pulling.write(client_of(full), tmp_path / "a" / "b" / "schema.yaml", nothing_recorded, overwrite=True)
    assert (tmp_path / "a" / "b" / "schema.yaml").is_file()


def test_a_pull_keeps_the_permissions_of_the_file(client_of: ClientOf, full: Server, tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    pulling.write(client_of(full), path, nothing_recorded, overwrite=True)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_a_pull_makes_can_be_read_by_others(client_of: ClientOf, full: Server, tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    pulling.write(client_of(full), path, nothing_recorded, overwrite=True)
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("export", [b"", b"<html>Welcome to nginx!</html>", b"version: 1\n"])
def test_a_pull_of_what_is_no_snapshot_leaves_the_file_as_it_was(
    client_of: ClientOf, full: Server, tmp_path: Path, export: bytes
) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(b"old")
    full.export = export
    with pytest.raises(InvalidSnapshot):
        pulling.write(client_of(full), path, nothing_recorded, overwrite=True)
    assert path.read_bytes() == b"old"


def test_a_pull_of_a_table_of_alembic_is_refused(
    client_of: ClientOf, full: Server, station: bytes, tmp_path: Path
) -> None:
    full.export = station.replace(b"collection: country", b"collection: positions")
    with pytest.raises(InvalidSnapshot, match="positions, a table that Alembic owns"):
        pulling.write(client_of(full), tmp_path / "schema.yaml", nothing_recorded, overwrite=True)
    assert not (tmp_path / "schema.yaml").exists()


def test_a_pull_that_cannot_write_leaves_nothing_behind(
    client_of: ClientOf, full: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(b"old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises((OSError, SyncError)):
        pulling.write(client_of(full), path, nothing_recorded, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["schema.yaml"]
    assert path.read_bytes() == b"old"


def test_a_pull_into_a_folder_says_so(client_of: ClientOf, full: Server, tmp_path: Path) -> None:
    with pytest.raises(SyncError) as caught:
        pulling.write(client_of(full), tmp_path, nothing_recorded, overwrite=True)
    assert str(tmp_path) in str(caught.value)


def test_a_pull_below_a_file_says_so(client_of: ClientOf, full: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SyncError) as caught:
        pulling.write(client_of(full), tmp_path / "file" / "schema.yaml", nothing_recorded, overwrite=True)
    assert str(tmp_path / "file") in str(caught.value)


def test_a_pull_refuses_to_overwrite_what_was_never_pushed(
    client_of: ClientOf, full: Server, station: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "schema.yaml"
    edited = station.replace(b"as painted on the mast", b"as in the log book")
    path.write_bytes(edited)
    base = at_hand(snapshot.parse(station, "base"))
    full.export = station.replace(b"where stations stand", b"where they stood")
    with pytest.raises(UnpushedFileChanges) as caught:
        pulling.write(client_of(full), path, lambda: base, overwrite=False)
    assert caught.value.exit_code == 4
    assert "station.code" in str(caught.value)
    assert path.read_bytes() == edited


def test_one_change_that_was_never_pushed_is_in_the_singular(
    client_of: ClientOf, full: Server, station: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(station.replace(b"as painted on the mast", b"as in the log book"))
    with pytest.raises(UnpushedFileChanges, match="1 change that was never pushed"):
        pulling.write(client_of(full), path, lambda: at_hand(snapshot.parse(station, "base")), overwrite=False)


def test_a_pull_over_a_file_that_was_pushed_needs_no_permission(
    client_of: ClientOf, full: Server, station: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(station)
    full.export = station.replace(b"where stations stand", b"where they stood")
    assert pulling.write(client_of(full), path, lambda: at_hand(snapshot.parse(station, "base")), overwrite=False)[1]
    assert path.read_bytes() == full.export
