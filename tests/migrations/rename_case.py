"""A small register of clubs in Directus. Clubs host races and take part in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests import making
from tests.conftest import RunningDirectus

Body = dict[str, Any]
SHOWN = {"template": "{{emblem}}"}
HAS_EMBLEM = {"_and": [{"emblem": {"_nnull": True}}]}
WOLF = {"emblem": {"_eq": "wolf"}}
TOKEN = "limited-user-of-the-register"


@dataclass(frozen=True)
class Register:
    """Builds and fills the register as an administrator would."""

    running: RunningDirectus

    @property
    def http(self) -> httpx.Client:
        return self.running.http

    def build(self) -> None:
        making.collection(self.running, "sport")
        self._build_clubs()
        making.collection(
            self.running, "races", making.key("id", "uuid"), _field("name"), display_template="{{name}} {{host.emblem}}"
        )
        making.collection(self.running, "starts", making.key())
        making.collection(self.running, "remarks", making.key(), _field("item"), _field("collection"))
        self._many_to_one("races", "host", "clubs", "hosted", options={**SHOWN, "filter": HAS_EMBLEM})
        self._many_to_one("clubs", "parent", "clubs", "children", options={"template": "{{code}} {{emblem}}"})
        self._many_to_one("starts", "club", "clubs", "starts", options=SHOWN, junction_field="race")
        behind = {"fields": ["club.emblem"], "template": "{{club.emblem}}", "filter": HAS_EMBLEM}
        self._many_to_one("starts", "race", "races", "entrants", alias_options=behind, junction_field="club")
        to_any = {"one_collection_field": "collection", "one_allowed_collections": ["clubs", "races"]}
        self._post("relations", collection="remarks", field="item", related_collection=None, meta=to_any)

    def _build_clubs(self) -> None:
        making.collection(
            self.running,
            "clubs",
            making.key(),
            _field("code", is_unique=True),
            _field("emblem", is_unique=True),
            _field("state", is_indexed=True),
            _field("rank", kind="integer"),
            group="sport",
            display_template="{{code}} {{emblem}}",
            item_duplication_fields=["emblem", "parent.emblem"],
            sort_field="rank",
            archive_field="emblem",
            versioning=True,
        )

    def fill(self) -> int:
        """Write items and the rows that Directus keeps about them. Return the id of a club."""
        parent = self._post("items/clubs", code="A", emblem="eagle")["id"]
        club = self._post("items/clubs", code="B", parent=parent, emblem="lion")["id"]
        race = self._post("items/races", name="Alpine", host=club)["id"]
        self._post("items/races", name="Coast", host=parent)
        self._post("items/starts", club=parent, race=race)
        about = {"collection": "clubs", "item": str(club)}
        self._post("items/remarks", **about)
        self._post("comments", **about, comment="Good.")
        self._post("shares", **about, name="Press")
        draft = self._post("versions", **about, key="draft", name="Draft")
        self._post(f"versions/{draft['id']}/save", emblem="fox")
        self.http.patch(f"/items/clubs/{club}", json={"emblem": "wolf"}).raise_for_status()
        for collection, path, rule in (
            ("clubs", "emblem", {"emblem": {"_nempty": True}}),
            ("races", "host.emblem", {"host": {"emblem": {"_nempty": True}}}),
        ):
            self._post(
                "presets",
                collection=collection,
                bookmark="Mine",
                filter={"_and": [rule]},
                layout_query={"tabular": {"fields": [path], "sort": [f"-{path}"]}},
                layout_options={"tabular": {"widths": {path: 160}}},
            )
        return int(club)

    def automate(self) -> None:
        """Make a flow with an operation that names its collection, and one that only mentions it in a text."""
        flow = self._post("flows", name="Nightly", trigger="event", options={"collections": ["clubs"], "scope": []})
        for key, kind, options in (
            ("read", "item-read", {"collection": "clubs", "query": {"fields": ["emblem"]}}),
            ("tell", "log", {"message": "clubs: {{$last.emblem}}"}),
        ):
            self._post("operations", flow=flow["id"], key=key, type=kind, options=options, position_x=1, position_y=1)

    def admit(self) -> None:
        """Make a user who may see a part of the register."""
        policy = self._post("policies", name="Readers")["id"]
        role = self._post("roles", name="Readers", policies=[{"policy": policy}])["id"]
        self._post("users", email="reader@example.com", role=role, token=TOKEN)
        nearby = {"_or": [WOLF, {"children": WOLF}]}
        filled = {"validation": {"emblem": {"_nempty": True}}, "presets": {"emblem": "none"}}
        for permission in (
            {"collection": "clubs", "action": "read", "fields": ["id", "code", "emblem"], "permissions": nearby},
            {"collection": "races", "action": "read", "fields": ["id", "name", "host"], "permissions": {"host": WOLF}},
            {"collection": "clubs", "action": "create", "fields": ["*"], **filled},
        ):
            self._post("permissions", policy=policy, **permission)

    def _many_to_one(
        self,
        owner: str,
        name: str,
        related: str,
        alias: str,
        *,
        options: Body | None = None,
        alias_options: Body | None = None,
        junction_field: str | None = None,
    ) -> None:
        special = "m2m" if junction_field else "o2m"
        one = {"interface": "select-dropdown-m2o", "special": ["m2o"], "options": options}
        many = {"interface": f"list-{special}", "special": [special], "options": alias_options}
        making.field(self.running, owner, name, "integer" if related == "clubs" else "uuid", meta=one)
        making.field(self.running, related, alias, "alias", meta=many)
        making.relation(self.running, owner, name, related, meta={"one_field": alias, "junction_field": junction_field})

    def _post(self, path: str, **body: object) -> Body:
        response = self.http.post(f"/{path}", json=body)
        assert response.is_success, f"{path}: {response.text}"
        return dict(response.json()["data"]) if response.content else {}


@dataclass(frozen=True)
class Renamed:
    """The register after a rename in a running Directus. before: the earlier export; said: the rename's log."""

    running: RunningDirectus
    before: bytes = field(repr=False)
    said: list[str]
    club_id: int

    def get(self, path: str, token: str | None = None) -> list[Body]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = self.running.http.get(path, headers=headers)
        assert response.status_code == 200, response.text
        return list(response.json()["data"])


def _field(name: str, kind: str = "string", **schema: object) -> Body:
    validation = {"_and": [{name: {"_nnull": True}}]}
    return {"field": name, "type": kind, "meta": {"interface": "input", "validation": validation}, "schema": schema}
