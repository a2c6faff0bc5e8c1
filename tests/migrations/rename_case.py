"""A small club register in Directus, built under any names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.checkout import Checkout
from tests.conftest import Finished, RunningDirectus


@dataclass(frozen=True)
class Register:
    """Clubs that host races and take part in them. club, emblem: the names that the tests change."""

    http: httpx.Client
    club: str = "clubs"
    emblem: str = "emblem"

    def build(self) -> None:
        """Make the collections as an administrator does."""
        self._collection("sport", schema=None)
        self._build_clubs()
        self._collection(
            "races", _key("uuid"), _field("name"), display_template=f"{{{{name}}}} {{{{host.{self.emblem}}}}}"
        )
        self._collection("starts", _key("integer"))
        self._collection("remarks", _key("integer"), _field("item"), _field("collection"))
        shown = f"{{{{{self.emblem}}}}}"
        host_filter = {"_and": [{self.emblem: {"_nnull": True}}]}
        self._many_to_one("races", "host", self.club, "hosted", options={"template": shown, "filter": host_filter})
        self._many_to_one(self.club, "parent", self.club, "children", options={"template": f"{{{{code}}}} {shown}"})
        self._many_to_one("starts", "club", self.club, "starts", options={"template": shown}, junction_field="race")
        behind = {"fields": [f"club.{self.emblem}"], "template": f"{{{{club.{self.emblem}}}}}", "filter": host_filter}
        self._many_to_one("starts", "race", "races", "clubs_started", alias_options=behind, junction_field="club")
        self._post(
            "relations",
            collection="remarks",
            field="item",
            related_collection=None,
            meta={"one_collection_field": "collection", "one_allowed_collections": [self.club, "races"]},
        )

    def _build_clubs(self) -> None:
        self._collection(
            self.club,
            _key("integer"),
            _field("code", is_unique=True),
            _field(self.emblem, is_unique=True),
            _field("state", is_indexed=True),
            _field("rank", kind="integer"),
            group="sport",
            display_template=f"{{{{code}}}} {{{{{self.emblem}}}}}",
            item_duplication_fields=[self.emblem, f"parent.{self.emblem}"],
            sort_field="rank",
            archive_field=self.emblem,
            versioning=True,
        )

    def fill(self) -> tuple[int, str]:
        """Write items and all that Directus keeps about them; return a club's id, and a limited user's token."""
        parent = self._post(f"items/{self.club}", code="A", **{self.emblem: "eagle"})["id"]
        club = self._post(f"items/{self.club}", code="B", parent=parent, **{self.emblem: "lion"})["id"]
        race = self._post("items/races", name="Alpine", host=club)["id"]
        self._post("items/races", name="Coast", host=parent)
        self._post("items/starts", club=parent, race=race)
        self._post("items/remarks", item=str(club), collection=self.club)
        self._post("comments", collection=self.club, item=str(club), comment="Good.")
        self._post("shares", collection=self.club, item=str(club), name="Press")
        draft = self._post("versions", collection=self.club, item=str(club), key="draft", name="Draft")
        self._post(f"versions/{draft['id']}/save", **{self.emblem: "fox"})
        self.http.patch(f"/items/{self.club}/{club}", json={self.emblem: "wolf"}).raise_for_status()
        for collection, prefix in ((self.club, ""), ("races", "host.")):
            self._post(
                "presets",
                collection=collection,
                bookmark="Mine",
                filter={"_and": [_nested(f"{prefix}{self.emblem}", {"_nempty": True})]},
                layout_query={"tabular": {"fields": [f"{prefix}{self.emblem}"], "sort": [f"-{prefix}{self.emblem}"]}},
                layout_options={"tabular": {"widths": {f"{prefix}{self.emblem}": 160}}},
            )
        return club, self._limited_user()

    def automate(self) -> None:
        """Make a flow that says what it reads, and one that only hints at it."""
        flow = self._post("flows", name="Nightly", trigger="event", options={"collections": [self.club], "scope": []})
        for key, kind, options in (
            ("read", "item-read", {"collection": self.club, "query": {"fields": [self.emblem]}}),
            ("tell", "log", {"message": f"{self.club}: {{{{$last.{self.emblem}}}}}"}),
        ):
            self._post("operations", flow=flow["id"], key=key, type=kind, options=options, position_x=1, position_y=1)

    def _limited_user(self) -> str:
        token = "limited-user-of-the-register"
        policy = self._post("policies", name="Readers")["id"]
        role = self._post("roles", name="Readers", policies=[{"policy": policy}])["id"]
        self._post("users", email="reader@example.com", role=role, token=token)
        wolf = {self.emblem: {"_eq": "wolf"}}
        for collection, fields, rule in (
            (self.club, ["id", "code", self.emblem], {"_or": [wolf, {"children": wolf}]}),
            ("races", ["id", "name", "host"], {"host": wolf}),
        ):
            self._post(
                "permissions", policy=policy, collection=collection, action="read", fields=fields, permissions=rule
            )
        self._post(
            "permissions",
            policy=policy,
            collection=self.club,
            action="create",
            fields=["*"],
            validation={self.emblem: {"_nempty": True}},
            presets={self.emblem: "none"},
        )
        return token

    def _collection(self, name: str, *fields: dict[str, Any], schema: object = (), **meta: object) -> None:
        body: dict[str, Any] = {"collection": name, "meta": meta, "fields": fields}
        self._post("collections", **body, schema={} if schema == () else None)

    def _many_to_one(
        self,
        collection: str,
        field: str,
        related: str,
        alias: str,
        *,
        options: dict[str, Any] | None = None,
        alias_options: dict[str, Any] | None = None,
        junction_field: str | None = None,
    ) -> None:
        kind = "integer" if related == self.club else "uuid"
        self._post(
            f"fields/{collection}",
            field=field,
            type=kind,
            meta={"interface": "select-dropdown-m2o", "special": ["m2o"], "options": options},
        )
        special = "m2m" if junction_field else "o2m"
        self._post(
            f"fields/{related}",
            field=alias,
            type="alias",
            meta={"interface": f"list-{special}", "special": [special], "options": alias_options},
        )
        self._post(
            "relations",
            collection=collection,
            field=field,
            related_collection=related,
            meta={"one_field": alias, "junction_field": junction_field},
            schema={"on_delete": "SET NULL"},
        )

    def _post(self, path: str, **body: object) -> dict[str, Any]:
        response = self.http.post(f"/{path}", json=body)
        assert response.is_success, f"{path}: {response.text}"
        return dict(response.json()["data"]) if response.content else {}


@dataclass(frozen=True)
class Fresh:
    """How a register ends that had the new names from the start."""

    export: bytes = field(repr=False)
    schema: str = field(repr=False)


@dataclass(frozen=True)
class Renamed:
    """The register after a rename, in a Directus that ran meanwhile."""

    running: RunningDirectus
    fresh: Fresh
    checkout: Checkout
    before: bytes
    upgrade: Finished
    club_id: int
    token: str
    new: Register

    def get(self, path: str, token: str | None = None) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = self.running.http.get(path, headers=headers)
        assert response.status_code == 200, response.text
        return list(response.json()["data"])


def _key(kind: str) -> dict[str, Any]:
    automatic = {"has_auto_increment": True} if kind == "integer" else {}
    meta = {"special": ["uuid"]} if kind == "uuid" else {}
    return {"field": "id", "type": kind, "meta": meta, "schema": {"is_primary_key": True, **automatic}}


def _field(name: str, kind: str = "string", **schema: object) -> dict[str, Any]:
    validation = {"_and": [{name: {"_nnull": True}}]}
    return {"field": name, "type": kind, "meta": {"interface": "input", "validation": validation}, "schema": schema}


def _nested(path: str, rule: object) -> object:
    for segment in reversed(path.split(".")):
        rule = {segment: rule}
    return rule
