"""Collections, and a store made of lists, for tests of seeding without a server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from directus_sync.seed import planning, reading
from directus_sync.seed.model import Collection, Column, Field, ValueForm
from directus_sync.seed.planning import SeedPlan
from directus_sync.seed.sending import loads
from directus_sync.seed.store import Base, Store, StoredRow, Wanted
from directus_sync.seed.values import Literal


def a_field(
    name: str,
    sql_type: str = "text",
    *,
    related: str | None = None,
    nullable: bool = True,
    form: ValueForm = ValueForm.PLAIN,
    refusal: str | None = None,
) -> Field:
    return Field(name, Column(sql_type, nullable, has_default=False), form, related, refusal)


def a_collection(
    name: str,
    *fields: Field,
    keys: Sequence[tuple[str, ...]] = (),
    refusal: str | None = None,
    nulls_equal: bool = False,
) -> Collection:
    key = Field("id", Column("uuid", nullable=False, has_default=False), refusal="files have no ids")
    equal = frozenset(keys if nulls_equal else ())
    return Collection(name, {found.name: found for found in (key, *fields)}, "id", tuple(keys), refusal, equal)


CLUBS = a_collection("clubs", a_field("slug"), a_field("name"), keys=[("slug",)])
EVENTS = a_collection(
    "events",
    a_field("club", "uuid", related="clubs", nullable=False),
    a_field("slug"),
    a_field("starts", "integer"),
    a_field("options", "json", form=ValueForm.JSON),
    a_field("place", "geometry(Point,4326)", form=ValueForm.GEOMETRY),
    a_field("tags", form=ValueForm.LIST),
    a_field("shown", refusal="it shows rows of another collection"),
    keys=[("club", "slug")],
)
BRACKETS = a_collection(
    "brackets",
    a_field("event", "uuid", related="events"),
    a_field("kind"),
    a_field("low", "numeric"),
    a_field("high", "numeric"),
    a_field("first", "integer"),
    a_field("last", "integer"),
    a_field("penalty", "integer"),
    a_field("options", "json", form=ValueForm.JSON),
    keys=[("event", "kind", "low", "first")],
    nulls_equal=True,
)
# `input` refers to another stage: a relation to the same collection.
STAGES = a_collection(
    "stages",
    a_field("event", "uuid", related="events"),
    a_field("name", nullable=False),
    a_field("input", "uuid", related="stages"),
    keys=[("name",)],
)
# Its key treats nulls as equal.
RULES = a_collection(
    "rules",
    a_field("event", "uuid", related="events", nullable=False),
    a_field("kind"),
    a_field("stage", "uuid", related="stages"),
    a_field("cost", "integer"),
    keys=[("event", "kind", "stage")],
    nulls_equal=True,
)
FINES = a_collection("fines", a_field("name"), a_field("rule", "uuid", related="rules"), keys=[("name",)])
CARS = a_collection("cars", a_field("plate"), a_field("colour"), a_field("owner", "uuid", related="directus_users"))
USERS = a_collection(
    "directus_users",
    a_field("email"),
    a_field("status"),
    a_field("token", refusal="users from a file must not be able to log in"),
    keys=[("email",)],
)
ROLES = a_collection("directus_roles", a_field("name"), refusal="they belong to Directus")

KNOWN = {found.name: found for found in (CLUBS, EVENTS, STAGES, RULES, BRACKETS, FINES, CARS, USERS, ROLES)}


@dataclass
class Lists(Store):
    """A store over lists of rows, which records the lookups.

    writing: the answers of `has_writers`, in order; after the last one it returns False.
    """

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lookups: list[str] = field(default_factory=list)
    seeded: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    writing: list[bool] = field(default_factory=list)

    def base(self, collections: Iterable[str]) -> Base:
        wanted = set(collections)
        return {key: fields for key, fields in self.seeded.items() if key[0] in wanted}

    def record(self, seeded: Base) -> None:
        for key, fields in seeded.items():
            self.seeded[key] = {**self.seeded.get(key, {}), **fields}

    def has_writers(self, collection: Collection) -> bool:  # noqa: ARG002 - the store's signature
        return self.writing.pop(0) if self.writing else False

    def canonical(self, values: Iterable[tuple[str, Field, Literal]]) -> dict[tuple[str, str], Any]:
        return {
            (found.column.sql_type, value.text): loads(value.text) if _is_json(found) else value.text
            for _, found, value in values
            if value.text is not None
        }

    def lookup(
        self, collection: Collection, wanted: Sequence[Wanted], shown: Iterable[str] = ()
    ) -> list[list[StoredRow]]:
        names = list(shown)
        self.lookups.append(collection.name)
        return [
            [
                StoredRow(row["id"], {name: row.get(name) for name in names})
                for row in self.rows.get(collection.name, [])
                if all(
                    (None if (value := row.get(name)) is None else str(value)) == text for name, text in values.items()
                )
            ][:2]
            for values in wanted
        ]


def _is_json(found: Field) -> bool:
    return found.form is ValueForm.JSON or found.column.sql_type == "integer"


def a_file(text: str, name: str = "a.yaml") -> reading.SeedFile:
    return reading.parse(dedent(text).encode(), Path(name))


def a_plan(text: str, lists: Lists | None = None, *, force: bool = False) -> SeedPlan:
    return planning.plan([a_file(text)], KNOWN, lists or Lists(), force=force)
