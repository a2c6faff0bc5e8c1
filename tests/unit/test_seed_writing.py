"""Writing a file: how many requests it takes, and that nothing of it stays when one fails, however it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from directus_sync.directus.client import DirectusClient
from directus_sync.errors import RequestFailed, SeedFailed
from directus_sync.seed import writing
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


@dataclass
class Directus:
    """Takes writes into lists. fails: called with method, path and body after a write was done; may raise."""

    lists: Lists = field(default_factory=Lists)
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    refuses: Callable[[str, str, Any], bool] = lambda *_: False
    fails: Callable[[str, str, Any], None] = lambda *_: None

    def write(self, method: str, path: str, body: Any) -> object:
        self.requests.append((method, path, len(body)))
        if self.refuses(method, path, body):
            raise RequestFailed("HTTP 400: no", next="mend it")
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
        # In no order, as Directus's is.
        return list(reversed(answer))


def _collection(path: str) -> str:
    return path.removeprefix("/items/").replace("/users", "directus_users")


def seed(directus: Directus, text: str = FILE, *, force: bool = False) -> None:
    plan = a_plan(text, directus.lists, force=force)
    writer = Writer(cast("DirectusClient", directus), directus.lists, plan)
    for file in plan.files:
        writer.write(file)


def test_rows_of_a_collection_take_one_request_and_get_the_ids_of_what_they_refer_to() -> None:
    directus = Directus()
    seed(directus)
    assert directus.requests == [("POST", "/items/clubs", 3), ("POST", "/items/events", 2)]
    assert [(row["slug"], row["club"]) for row in directus.lists.rows["events"]] == [
        ("e1", "clubs-0"),
        ("e2", "clubs-1"),
    ]


def test_a_file_that_is_there_takes_no_request() -> None:
    directus = Directus()
    seed(directus)
    directus.requests.clear()
    seed(directus)
    assert directus.requests == []


def test_many_rows_go_out_in_parts_that_directus_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BODY_BYTES", 1000)
    directus = Directus()
    seed(directus, "clubs:\n" + "\n".join(f"- {{slug: c{n}, name: {'x' * 300}}}" for n in range(7)))
    assert [size for _, _, size in directus.requests] == [3, 3, 1]


def test_users_are_drafts() -> None:
    directus = Directus()
    seed(directus, "directus_users:\n- email: a@example.com\n- {email: b@example.com, status: archived}")
    assert [row["status"] for row in directus.lists.rows["directus_users"]] == ["draft", "archived"]


def test_a_circle_is_closed_by_a_second_request() -> None:
    directus = Directus()
    seed(directus, "stages:\n- {name: one, input: {name: two}}\n- {name: two, input: {name: one}}")
    assert [method for method, _, _ in directus.requests] == ["POST", "POST", "PATCH"]
    one, two = directus.lists.rows["stages"]
    assert (one["input"], two["input"]) == (two["id"], one["id"])


def test_a_row_that_is_refused_is_named_and_the_file_is_undone() -> None:
    directus = Directus(
        refuses=lambda method, _, body: method == "POST" and any(row.get("slug") == "e2" for row in body)
    )
    with pytest.raises(SeedFailed, match=r"1 row of events could not be written: HTTP 400: no; .* is undone") as caught:
        seed(directus)
    assert caught.value.where == "a.yaml:4"
    assert directus.lists.rows == {"clubs": [], "events": []}
    # What refers to others goes before them.
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


@pytest.mark.parametrize("stopped", [RequestFailed("the connection was lost", next="run again"), KeyboardInterrupt()])
def test_rows_whose_answer_never_came_are_undone_too(stopped: BaseException) -> None:
    def lose_the_answer(method: str, path: str, _body: object) -> None:
        if (method, path) == ("POST", "/items/events"):
            raise stopped

    directus = Directus(fails=lose_the_answer)
    with pytest.raises(SeedFailed if isinstance(stopped, RequestFailed) else KeyboardInterrupt):
        seed(directus)
    assert directus.lists.rows == {"clubs": [], "events": []}


def test_what_can_t_be_undone_is_named() -> None:
    directus = Directus(refuses=lambda method, path, _: method == "DELETE" or path == "/items/events")
    with pytest.raises(SeedFailed, match=r"undoing a.yaml failed too, and rows of it are left \(clubs: HTTP 400: no\)"):
        seed(directus)


def test_a_row_that_directus_stores_under_another_key_is_undone() -> None:
    def shout(*_: object) -> None:
        for row in directus.lists.rows["clubs"]:
            row["slug"] = row["slug"].upper()

    directus = Directus(fails=shout)
    with pytest.raises(SeedFailed, match="under another key than the file's") as caught:
        seed(directus)
    assert caught.value.where == "a.yaml:6"
    assert directus.lists.rows == {"clubs": []}
