"""Writing a seed file: its requests, and that a failed file is undone for every kind of failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from directus_sync.directus.client import DirectusClient
from directus_sync.errors import RequestFailed, SeedFailed
from directus_sync.seed import writing
from directus_sync.seed.model import Collection
from directus_sync.seed.writing import Writer
from tests.seeds import Lists, a_plan

FILE = """
    events:
    - {slug: e1, club: {slug: c1}}
    - {slug: e2, club: {slug: c2}}
    clubs:
    - {slug: c1, name: One}
    - {slug: c2, name: Two}
    - {slug: c3, name: Three}
"""


def unclear(what: str = "the connection was lost") -> RequestFailed:
    error = RequestFailed(what, next="run again")
    error.unclear = True
    return error


@dataclass
class Directus:
    """A fake Directus that writes to lists. fails: called with method, path and body after a write; may raise."""

    lists: Lists = field(default_factory=Lists)
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    refuses: Callable[[str, str, Any], bool] = lambda *_: False
    fails: Callable[[str, str, Any], None] = lambda *_: None

    def write(self, method: str, path: str, body: Any) -> object:
        self.requests.append((method, path, len(body)))
        if self.refuses(method, path, body):
            raise RequestFailed("HTTP 400: no", next="fix it")
        rows = self.lists.rows.setdefault(_collection(path), [])
        answer: list[dict[str, Any]] = []
        if method == "POST":
            answer = [{"id": f"{_collection(path)}-{len(rows) + n}", **row} for n, row in enumerate(body)]
            rows += answer
        elif method == "PATCH":
            for change in body:
                next(row for row in rows if row["id"] == change["id"]).update(change)
        else:
            rows[:] = [row for row in rows if row["id"] not in body]
        self.fails(method, path, body)
        # Like Directus, in arbitrary order.
        return list(reversed(answer))


def _collection(path: str) -> str:
    return path.removeprefix("/items/").replace("/users", "directus_users")


def seed(directus: Directus, text: str = FILE, *, force: bool = False) -> None:
    plan = a_plan(text, directus.lists, force=force)
    writer = Writer(cast("DirectusClient", directus), directus.lists, plan)
    for file in plan.files:
        writer.write(file)


def test_rows_of_a_collection_are_one_request_with_the_ids_of_referenced_rows() -> None:
    directus = Directus()
    seed(directus)
    assert directus.requests == [("POST", "/items/clubs", 3), ("POST", "/items/events", 2)]
    assert [(row["slug"], row["club"]) for row in directus.lists.rows["events"]] == [
        ("e1", "clubs-0"),
        ("e2", "clubs-1"),
    ]


def test_large_rows_are_sent_in_several_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BODY_BYTES", 1000)
    directus = Directus()
    seed(directus, "clubs:\n" + "\n".join(f"- {{slug: c{n}, name: {'x' * 300}}}" for n in range(7)))
    assert [size for _, _, size in directus.requests] == [3, 3, 1]


def test_no_request_has_more_than_500_rows() -> None:
    directus = Directus()
    text = "clubs:\n" + "\n".join(f"- {{slug: c{n}, name: {{}}}}" for n in range(501))
    seed(directus, text.replace("{}", "a"))
    seed(directus, text.replace("{}", "b"))
    assert [(method, size) for method, _, size in directus.requests] == [
        ("POST", 500), ("POST", 1), ("PATCH", 500), ("PATCH", 1),
    ]  # fmt: skip


def test_written_values_are_recorded_as_seeded_for_the_next_run() -> None:
    directus = Directus()
    seed(directus)
    assert directus.lists.seeded["events", "events-1"] == {"slug": "e2", "club": "clubs-1"}
    seed(directus, FILE.replace("name: Two", "name: Second"))
    assert [row["name"] for row in directus.lists.rows["clubs"]] == ["One", "Second", "Three"]
    assert directus.lists.seeded["clubs", "clubs-1"] == {"slug": "c2", "name": "Second"}


def test_a_failed_file_records_nothing_as_seeded() -> None:
    directus = Directus(refuses=lambda _method, path, _body: path == "/items/events")
    with pytest.raises(SeedFailed):
        seed(directus)
    assert directus.lists.seeded == {}


def test_new_users_are_drafts_by_default() -> None:
    directus = Directus()
    seed(directus, "directus_users:\n- email: a@example.com\n- {email: b@example.com, status: archived}")
    assert [row["status"] for row in directus.lists.rows["directus_users"]] == ["draft", "archived"]


def test_a_circular_reference_is_set_by_a_second_request() -> None:
    directus = Directus()
    seed(directus, "stages:\n- {name: one, input: {name: two}}\n- {name: two, input: {name: one}}")
    assert [method for method, _, _ in directus.requests] == ["POST", "POST", "PATCH"]
    one, two = directus.lists.rows["stages"]
    assert (one["input"], two["input"]) == (two["id"], one["id"])


def test_a_refused_row_is_named_and_the_file_is_undone() -> None:
    directus = Directus(
        refuses=lambda method, _, body: method == "POST" and any(row.get("slug") == "e2" for row in body)
    )
    with pytest.raises(SeedFailed, match=r"1 row of events could not be written: HTTP 400: no; .* is undone") as caught:
        seed(directus)
    assert caught.value.where == "a.yaml:4"
    assert directus.lists.rows == {"clubs": [], "events": []}
    # Referring rows are deleted first.
    undone = [path for method, path, _ in directus.requests if method == "DELETE"]
    assert undone == ["/items/events", "/items/clubs"]


def test_an_overwritten_row_gets_its_old_value_back() -> None:
    directus = Directus(
        Lists(
            {"clubs": [{"id": "c", "slug": "c1", "name": "Old"}], "cars": [{"id": "x", "plate": "p", "colour": "red"}]}
        ),
        refuses=lambda _method, path, body: path == "/items/cars" and body[0].get("colour") == "blue",
    )
    text = "$keys: {cars: [plate]}\nclubs:\n- {slug: c1, name: New}\ncars:\n- {plate: p, colour: blue}"
    with pytest.raises(SeedFailed, match="is undone"):
        seed(directus, text, force=True)
    assert directus.lists.rows["clubs"][0]["name"] == "Old"


@pytest.mark.parametrize("stopped", [unclear(), KeyboardInterrupt()])
def test_rows_are_undone_even_if_their_answer_was_lost(stopped: BaseException) -> None:
    def lose_the_answer(method: str, path: str, _body: object) -> None:
        if (method, path) == ("POST", "/items/events"):
            raise stopped

    directus = Directus(fails=lose_the_answer)
    with pytest.raises(SeedFailed if isinstance(stopped, RequestFailed) else KeyboardInterrupt):
        seed(directus)
    assert directus.lists.rows == {"clubs": [], "events": []}


@dataclass
class Slow(Directus):
    """A fake Directus that gives no answer when events are created, and may write them later.

    stopped: the error of that request.
    """

    stopped: BaseException = field(default_factory=unclear)

    def write(self, method: str, path: str, body: Any) -> object:
        if (method, path) == ("POST", "/items/events"):
            self.requests.append((method, path, len(body)))
            raise self.stopped
        return super().write(method, path, body)


def test_a_batch_without_an_answer_is_never_sent_again() -> None:
    directus = Slow()
    with pytest.raises(
        SeedFailed, match="Directus did not respond to a request with 2 rows of events: the connection was lost"
    ) as caught:
        seed(directus)
    assert "wait until Directus has nothing to do, then run again" in str(caught.value.next)
    assert [request for request in directus.requests if request[1] == "/items/events"] == [("POST", "/items/events", 2)]
    assert directus.lists.rows == {"clubs": []}


@pytest.mark.parametrize("stopped", [unclear(), KeyboardInterrupt()])
def test_rows_that_directus_writes_after_the_timeout_are_undone(
    monkeypatch: pytest.MonkeyPatch, stopped: BaseException
) -> None:
    monkeypatch.setattr(writing, "_POLL_SECONDS", 0)
    directus = Slow(stopped=stopped)
    answers = iter([True, False])

    def commit(_collection: Collection) -> bool:
        writing_still = next(answers)
        if not writing_still:
            directus.lists.rows["events"] = [{"id": n, "slug": f"e{n}", "club": f"clubs-{n - 1}"} for n in (1, 2)]
        return writing_still

    monkeypatch.setattr(directus.lists, "has_writers", commit)
    with pytest.raises(SeedFailed if isinstance(stopped, RequestFailed) else KeyboardInterrupt):
        seed(directus)
    assert directus.lists.rows == {"clubs": [], "events": []}


def test_nothing_is_undone_while_directus_is_still_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "SETTLING_SECONDS", 0)
    directus = Slow(Lists(writing=[True]))
    with pytest.raises(SeedFailed, match=r"still writing to events, so what was written from a.yaml stays"):
        seed(directus)
    assert [row["slug"] for row in directus.lists.rows["clubs"]] == ["c1", "c2", "c3"]


@pytest.mark.parametrize("stopped", [unclear(), KeyboardInterrupt()])
def test_a_change_without_an_answer_is_undone_after_directus_has_finished(stopped: BaseException) -> None:
    directus = Directus(Lists({"clubs": [{"id": "c", "slug": "c1", "name": "Old"}]}, writing=[False]))

    def lose_the_answer(method: str, _path: str, body: Any) -> None:
        if method == "PATCH" and body[0]["name"] == "New":
            raise stopped

    directus.fails = lose_the_answer
    with pytest.raises(SeedFailed if isinstance(stopped, RequestFailed) else KeyboardInterrupt):
        seed(directus, "clubs:\n- {slug: c1, name: New}", force=True)
    assert (directus.lists.rows["clubs"][0]["name"], directus.lists.writing) == ("Old", [])


def test_rows_that_cannot_be_undone_are_named() -> None:
    directus = Directus(refuses=lambda method, path, _: method == "DELETE" or path == "/items/events")
    with pytest.raises(
        SeedFailed, match=r"undoing a.yaml failed too, and some of its rows are left \(clubs: HTTP 400: no\)"
    ):
        seed(directus)


def test_a_row_that_directus_stores_under_another_key_is_undone() -> None:
    def shout(*_: object) -> None:
        for row in directus.lists.rows["clubs"]:
            row["slug"] = row["slug"].upper()

    directus = Directus(fails=shout)
    with pytest.raises(SeedFailed, match="with another key than the file has") as caught:
        seed(directus)
    assert caught.value.where == "a.yaml:6"
    assert directus.lists.rows == {"clubs": []}
