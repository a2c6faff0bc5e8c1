"""Turns the rows of seed files into values, references and keys of their collections. Refuses rows that do not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import yaml

from directus_sync.errors import InvalidSeed
from directus_sync.seed import overlapping, reading
from directus_sync.seed.model import LOGIN_STATUS, USERS, Collection, Field, ValueForm
from directus_sync.seed.reading import KEYS, RawRow, SeedFile
from directus_sync.seed.sending import dumps
from directus_sync.seed.values import Literal, Reference, Row, Value

_SHOWN: Final = 8


def rows(files: Iterable[SeedFile], known: Mapping[str, Collection]) -> tuple[Row, ...]:
    """Return the rows of all files, in their order. Raises InvalidSeed with file and line."""
    files = tuple(files)
    found = tuple(row for number, file in enumerate(files) for row in _Reader(file, known, number).rows())
    for file in files:
        for name, (ranges, where) in file.disjoint.items():
            overlapping.require_disjoint([row for row in found if row.collection.name == name], ranges, where)
    return found


class _Reader:
    def __init__(self, file: SeedFile, known: Mapping[str, Collection], number: int) -> None:
        self._file = file
        self._known = known
        self._number = number

    def rows(self) -> Iterator[Row]:
        for name, (fields, where) in self._file.keys.items():
            self._require_key(self._collection(name, where), fields, where)
        for raw in self._file.rows:
            collection = self._collection(raw.collection, raw.where)
            if collection.refusal is not None:
                raise InvalidSeed(
                    f"a file can't have rows of {collection.name}: {collection.refusal}",
                    where=raw.where,
                    next="remove them",
                )
            yield self._row(raw, collection)

    def _collection(self, name: str, where: str) -> Collection:
        if name not in self._known:
            raise InvalidSeed(
                f"there is no collection {name}",
                where=where,
                next="correct the name; if the collection is new, deploy first: directus-sync deploy",
            )
        return self._known[name]

    def _require_key(self, collection: Collection, fields: Iterable[str], where: str) -> None:
        if collection.keys:
            declared = " and ".join(f"({', '.join(key)})" for key in collection.keys)
            raise InvalidSeed(
                f"the schema already declares the key of {collection.name}: {declared}",
                where=where,
                next=f"remove it from {KEYS}",
            )
        for name in fields:
            if self._field(collection, name, where).form is not ValueForm.PLAIN:
                raise InvalidSeed(f"{name} can't be part of a key", where=where, next="name other fields")

    def _field(self, collection: Collection, name: str, where: str) -> Field:
        found = collection.fields.get(name)
        if found is None:
            raise InvalidSeed(
                f"{collection.name} has no field {name}",
                where=where,
                next="correct the name; if the field is new, deploy first: directus-sync deploy",
            )
        return found

    def _row(self, raw: RawRow, collection: Collection) -> Row:
        given = {}
        for name, (node, where) in raw.fields.items():
            found = self._field(collection, name, where)
            if found.refusal is not None:
                raise InvalidSeed(
                    f"{collection.name}.{name} can't be set by a file: {found.refusal}", where=where, next="remove it"
                )
            given[name] = self._value(collection, found, node, where)
        _require_no_login(collection, given)
        key = self._key(collection, given, raw.where)
        return Row(raw.where, collection, given, key, self._number)

    def _key(self, collection: Collection, given: Mapping[str, Value], where: str) -> tuple[str, ...]:
        keys = collection.keys
        if not keys and collection.name not in self._file.keys:
            raise InvalidSeed(
                f"rows of {collection.name} have no key: the schema declares no unique fields",
                where=where,
                next=f"name the fields that identify a row in this file: {KEYS}: {{{collection.name}: [...]}}",
            )
        for key in keys or (self._file.keys[collection.name][0],):
            if key in collection.nulls_equal and given.keys() >= set(key):
                return key
            if all(not _is_null(given.get(name)) for name in key):
                return key
        wanted = " or ".join(", ".join(key) for key in keys[:_SHOWN]) or ", ".join(self._file.keys[collection.name][0])
        raise InvalidSeed(
            f"a row of {collection.name} lacks its key: {wanted}",
            where=where,
            next="fill it in" if collection.nulls_equal else "fill it in, without null",
        )

    def _value(self, collection: Collection, found: Field, node: yaml.Node, where: str) -> Value:
        name = f"{collection.name}.{found.name}"
        if isinstance(node, yaml.ScalarNode) and reading.text(node) is None:
            return Literal(where, None)
        if found.related is not None:
            return self._reference(name, found.related, node, where)
        if found.form is ValueForm.LIST:
            return self._list(name, node, where)
        plain = reading.plain(node)
        if found.form is ValueForm.JSON or (found.form is ValueForm.GEOMETRY and isinstance(plain, dict)):
            return Literal(where, dumps(plain), plain)
        if found.form is ValueForm.GEOMETRY:
            raise InvalidSeed(
                f"{name} must be GeoJSON", where=where, next="write it as {type: Point, coordinates: [20, 41]}"
            )
        if not isinstance(node, yaml.ScalarNode):
            raise InvalidSeed(f"{name} must be one value", where=where, next="correct it")
        return Literal(where, reading.text(node))

    def _list(self, name: str, node: yaml.Node, where: str) -> Literal:
        items = [
            reading.text(item) if isinstance(item, yaml.ScalarNode) else None
            for item in (node.value if isinstance(node, yaml.SequenceNode) else [None])
        ]
        texts = [text for text in items if text is not None and "," not in text]
        if len(texts) != len(items):
            raise InvalidSeed(
                f"{name} must be a list of texts without commas, because it is stored with commas between them",
                where=where,
                next="correct it",
            )
        return Literal(where, ",".join(texts), texts)

    def _reference(self, name: str, target: str, node: yaml.Node, where: str) -> Reference:
        related = self._collection(target, where)
        if not isinstance(node, yaml.MappingNode) or not node.value:
            example = ", ".join(f"{field}: ..." for field in (related.keys or (("name",),))[0])
            raise InvalidSeed(
                f"{name} refers to {target}, and must name a row by its fields",
                where=where,
                next=f"write it as {{{example}}}",
            )
        given = {}
        for key, value in node.value:
            line = reading.line_of(value, where)
            found = self._field(related, str(key.value), line)
            if found.form is not ValueForm.PLAIN or found.refusal is not None:
                why = found.refusal or "its values can't be looked up"
                raise InvalidSeed(
                    f"{target}.{found.name} can't identify a row: {why}", where=line, next="use other fields"
                )
            given[found.name] = self._value(related, found, value, line)
            if _is_null(given[found.name]) and not any(found.name in key for key in related.nulls_equal):
                raise InvalidSeed("a reference can't look for null", where=line, next="name the row by other fields")
        return Reference(where, related, given)


def _is_null(value: Value | None) -> bool:
    return value is None or (isinstance(value, Literal) and value.text is None)


def _require_no_login(collection: Collection, given: Mapping[str, Value]) -> None:
    status = given.get("status")
    if collection.name == USERS and isinstance(status, Literal) and status.text == LOGIN_STATUS:
        raise InvalidSeed(
            f"a user from a file can't be {LOGIN_STATUS}: with that status a password can be set by e-mail",
            where=status.where,
            next="leave the status out; activate the user in Directus",
        )
