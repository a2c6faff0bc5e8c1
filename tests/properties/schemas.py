"""Random snapshots and changes of them: every kind of column, key, relation and group, and odd names."""

from __future__ import annotations

import copy
from random import Random
from typing import Any, Final

from directus_sync.schema.default_names import directus_name
from tests.snapshots import Document

# type: (data type, further properties, defaults, special)
TYPES: Final[dict[str, tuple[str, dict[str, Any], list[Any], list[str] | None]]] = {
    "string": ("character varying", {"max_length": 255}, ["plain", 'it\'s a "$1" \\'], None),
    "text": ("text", {}, ["a\nb"], None),
    "integer": ("integer", {"numeric_precision": 32, "numeric_scale": 0}, [0, 42], None),
    "bigInteger": ("bigint", {"numeric_precision": 64, "numeric_scale": 0}, [7], None),
    "decimal": ("numeric", {"numeric_precision": 12, "numeric_scale": 3}, ["1.500"], None),
    "float": ("real", {"numeric_precision": 24}, [], None),
    "boolean": ("boolean", {}, [False, True], ["cast-boolean"]),
    "date": ("date", {}, [], None),
    "dateTime": ("timestamp without time zone", {}, ["now()"], None),
    "time": ("time without time zone", {}, [], None),
    "timestamp": ("timestamp with time zone", {}, ["CURRENT_TIMESTAMP"], ["date-created"]),
    "uuid": ("uuid", {}, [], ["uuid"]),
    "json": ("json", {}, [], ["cast-json"]),
    "csv": ("text", {}, [], ["cast-csv"]),
    "hash": ("character varying", {"max_length": 255}, [], ["hash"]),
    "geometry.Point": ("POINT", {}, [], None),
}
LARGE: Final = frozenset({"text", "json", "csv", "geometry.Point"})
KEYS: Final = {"integer": "id", "bigInteger": "id", "uuid": "id", "string": "code"}
NAMES: Final = (
    "fz_one",
    "fz_two",
    "fz_three",
    "Mixed_Case",
    "a_name_that_goes_on_and_on_until_postgresql_is_near_its_end",
)
FOLDERS: Final = ("fz_folder", "fz_above")
ON_DELETE: Final = ("SET NULL", "CASCADE", "NO ACTION", "RESTRICT")
NOTES: Final = (None, "what's ? this \\? {{x}}")
OPTIONS: Final = (None, {"choices": [{"text": "a ? 'b'", "value": 1}], "none": None})


class Schema:
    """A snapshot under construction."""

    def __init__(self, seed: int, empty: Document) -> None:
        self.random = Random(seed)
        self.document = copy.deepcopy(empty)
        self.keys = {name: self.random.choice(list(KEYS)) for name in NAMES}
        self._collections()
        for name in NAMES:
            self._columns(name)
        for name in NAMES:
            self._relations(name)
        self._in_order()

    def changed(self) -> Document:
        """Return a changed copy of the snapshot."""
        other = copy.copy(self)
        other.document = copy.deepcopy(self.document)
        other._remove()
        other._edit()
        if self.random.random() < 0.3:
            other._remove_collection()
        other._add()
        other._in_order()
        return other.document

    def _collections(self) -> None:
        for folder in FOLDERS:
            group = "fz_above" if folder == "fz_folder" else None
            self._collection(folder, None, group=group)
        for name in NAMES:
            group = self.random.choice([None, *FOLDERS])
            self._collection(name, {"name": name}, group=group, note=self.random.choice(NOTES))

    def _collection(self, name: str, table: dict[str, str] | None, **given: Any) -> None:
        meta = {
            "accountability": "all", "archive_app_filter": True, "archive_field": None, "archive_value": None,
            "collapse": "open", "collection": name, "color": None, "display_template": None, "group": None,
            "hidden": False, "icon": None, "item_duplication_fields": None, "note": None, "preview_url": None,
            "singleton": False, "sort": self.random.choice([None, 3]), "sort_field": None, "translations": None,
            "unarchive_value": None, "versioning": False, **given,
        }  # fmt: skip
        entry = {"collection": name, "meta": meta}
        self.document["collections"].append({**entry, "schema": table} if table else entry)

    def _columns(self, name: str) -> None:
        kind = self.keys[name]
        counts = kind in {"integer", "bigInteger"}
        self._field(
            name, KEYS[kind], kind, 1, default_value=f"nextval('{name}_id_seq'::regclass)" if counts else None,
            is_nullable=False, is_unique=True, is_indexed=False, is_primary_key=True, has_auto_increment=counts,
        )  # fmt: skip
        for place, kind in enumerate(self.random.sample(list(TYPES), 4), 2):
            self._field(name, f"f_{kind.replace('.', '_')}", kind, place)
        if self.random.random() < 0.6:
            self._alias(name, "grouped", ["alias", "no-data", "group"])
            self._field(name, "in_group", "string", 1, group="grouped")

    def _relations(self, name: str) -> None:
        for number in range(self.random.randint(0, 2)):
            self._many_to_one(name, f"m{number}", self.random.choice(NAMES))
        if self.random.random() < 0.4:
            self._field(name, "any", "string", 30)
            self._field(name, "any_collection", "string", 31)
            allowed = self.random.sample(NAMES, 2)
            self._relation(name, "any", None, one_allowed_collections=allowed, one_collection_field="any_collection")

    def _field(self, name: str, field: str, kind: str, sort: int, group: str | None = None, **given: Any) -> None:
        data_type, more, defaults, special = TYPES[kind]
        pick = self.random
        schema = {
            "name": field, "table": name, "data_type": data_type, "default_value": None, "max_length": None,
            "numeric_precision": None, "numeric_scale": None, "is_nullable": pick.random() > 0.2,
            "is_unique": kind not in LARGE and pick.random() < 0.2,
            "is_indexed": kind not in LARGE and pick.random() < 0.25, "is_primary_key": False, "is_generated": False,
            "generation_expression": None, "has_auto_increment": False, "foreign_key_table": None,
            "foreign_key_column": None, **more,
        }  # fmt: skip
        if defaults and pick.random() < 0.4:
            schema["default_value"] = pick.choice(defaults)
        entry = {"collection": name, "field": field, "type": kind, "schema": {**schema, **given}}
        self.document["fields"].append({**entry, "meta": self._meta(name, field, special, sort, group)})

    def _meta(self, name: str, field: str, special: list[str] | None, sort: int, group: str | None) -> dict[str, Any]:
        pick = self.random.choice
        return {
            "collection": name, "conditions": None, "display": None, "display_options": None, "field": field,
            "group": group, "hidden": False, "interface": pick([None, "input"]), "note": pick(NOTES),
            "options": pick(OPTIONS), "readonly": False, "required": False, "searchable": True,
            "sort": pick([sort, None]), "special": special, "validation_message": None, "width": "full",
            "translations": pick([None, [{"language": "sq-AL", "translation": "Emër"}]]),
            "validation": pick([None, {"_and": [{field: {"_regex": "^a?$"}}]}]),
        }  # fmt: skip

    def _alias(self, name: str, field: str, special: list[str]) -> None:
        meta = self._meta(name, field, special, 20, None)
        self.document["fields"].append({"collection": name, "field": field, "type": "alias", "meta": meta})

    def _many_to_one(self, name: str, field: str, related: str) -> None:
        kind = self.keys[related]
        key = {"foreign_key_table": related, "foreign_key_column": KEYS[kind]}
        self._field(name, field, kind, 40, default_value=None, is_unique=False, is_nullable=True, **key)
        one = self.random.choice([None, f"from_{name[:9]}_{field}"])
        if one:
            self._alias(related, one, ["o2m"])
        self._relation(name, field, related, KEYS[kind], one_collection=related, one_field=one)

    def _relation(self, name: str, field: str, related: str | None, key: str | None = None, **given: Any) -> None:
        meta = {
            "junction_field": None, "many_collection": name, "many_field": field, "one_allowed_collections": None,
            "one_collection": None, "one_collection_field": None, "one_field": None, "sort_field": None,
            "one_deselect_action": self.random.choice(["nullify", "delete"]), **given,
        }  # fmt: skip
        schema = {
            "table": name, "column": field, "foreign_key_table": related, "foreign_key_column": key,
            "constraint_name": directus_name("foreign", name, field), "on_update": "NO ACTION",
            "on_delete": self.random.choice(ON_DELETE),
        }  # fmt: skip
        entry = {"collection": name, "field": field, "related_collection": related, "meta": meta}
        self.document["relations"].append({**entry, "schema": schema} if related else entry)

    def _remove(self) -> None:
        """Remove some fields with the relations that use them, and sometimes a group."""
        groups = self.random.random() < 0.1
        for entry in [entry for entry in self.document["fields"] if self._is_loose(entry)]:
            if self.random.random() < 0.15 and (groups or entry["field"] != "grouped"):
                self._drop(entry["collection"], entry["field"])

    def _drop(self, name: str, field: str) -> None:
        gone = {(name, field)}
        for relation in self.document["relations"]:
            if (relation["collection"], relation["field"]) == (name, field):
                gone.add((relation["related_collection"], relation["meta"]["one_field"]))
        for section in ("fields", "relations"):
            self.document[section] = [
                entry for entry in self.document[section] if (entry["collection"], entry["field"]) not in gone
            ]

    @staticmethod
    def _is_loose(entry: dict[str, Any]) -> bool:
        return not entry["field"].startswith(("any", "from_")) and not (entry.get("schema") or {}).get("is_primary_key")

    def _edit(self) -> None:
        for entry in self.document["fields"]:
            if self.random.random() < 0.3:
                options = self.random.choice([None, {"a": [1, {"b": "?"}]}])
                entry["meta"].update(note=self.random.choice(["changed ?", None]), options=options, hidden=True)
            if self._is_loose(entry) and entry.get("schema") and self.random.random() < 0.2:
                self._alter(entry)
        for entry in self.document["collections"]:
            if self.random.random() < 0.3:
                entry["meta"].update(note=self.random.choice(["changed ?", None]), icon="star")
        for entry in self.document["relations"]:
            if "schema" in entry and self.random.random() < 0.3:
                entry["schema"]["on_delete"] = self.random.choice(ON_DELETE)

    def _alter(self, entry: dict[str, Any]) -> None:
        schema, kind = entry["schema"], entry["type"]
        what = self.random.choice(["is_indexed", "is_unique", "is_nullable", "default_value"])
        if what == "default_value":
            schema[what] = self.random.choice([None, *TYPES[kind][2]])
        elif what == "is_nullable":
            # If rows have nulls, NOT NULL makes Directus refuse the whole change, so it is rare.
            schema[what] = not schema[what] or self.random.random() < 0.8
        elif kind not in LARGE:
            schema[what] = not schema[what]

    def _remove_collection(self) -> None:
        gone = self.random.choice(NAMES)
        for relation in self.document["relations"]:
            allowed = relation["meta"]["one_allowed_collections"]
            if allowed and gone in allowed:
                allowed.remove(gone)
        for relation in list(self.document["relations"]):
            if gone in {relation["collection"], relation["related_collection"]}:
                self._drop(relation["collection"], relation["field"])
        for section in ("collections", "fields"):
            self.document[section] = [entry for entry in self.document[section] if entry["collection"] != gone]

    def _add(self) -> None:
        there = [entry["collection"] for entry in self.document["collections"] if "schema" in entry]
        for name in there:
            for kind in self.random.sample(list(TYPES), 2):
                self._field(name, f"new_{kind.replace('.', '_')}", kind, 50, is_nullable=True)
            if self.random.random() < 0.4:
                self._many_to_one(name, "new_one", self.random.choice(there))
        self.keys["fz_new"] = "uuid"
        self._collection("fz_new", {"name": "fz_new"}, group="fz_folder")
        self._columns("fz_new")
        self._many_to_one("fz_new", "up", there[0])

    def _in_order(self) -> None:
        """Sort the entries as an export does: by collection, then in the order in which they were made."""
        for section in ("collections", "fields", "relations"):
            self.document[section].sort(key=lambda entry: entry["collection"])
