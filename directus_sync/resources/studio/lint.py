"""Checks resource files without a server: for names that do not exist, secrets, and flows that write. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from directus_sync.resources import filters, paths
from directus_sync.resources.findings import Finding
from directus_sync.resources.items import Resource, Row
from directus_sync.resources.studio_kinds import FLOW, OPERATION, OPERATIONS, PANEL, PRESET
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import hiding

_NAMES: Final = "correct the name, or remove it"
_FUNCTION: Final = re.compile(r"\w+\(([\w.]+)\)")
_TEMPLATE: Final = re.compile(r"\{\{\s*([\w.$]+)\s*\}\}")
# Options of panels that name fields.
_FIELDS: Final = frozenset({
    "field", "sortField", "dateField", "valueField", "groupByField", "aggregateField", "xAxis", "yAxis", "column",
    "sort", "fields",
})  # fmt: skip

# How a secret is recognised: by the name of its option, or by the form of its value.
_SECRET_NAME: Final = re.compile(r"authorization|auth|bearer|cookie|signature|api[-_]?key", re.IGNORECASE)
_SECRET_VALUE: Final = re.compile(
    r"\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}"
    # Words begin with sk, pk and rk, too, but contain no long run of letters and digits.
    r"|\b(?:sk|pk|rk)[-_][\w-]*?(?=[A-Za-z]*\d)[A-Za-z\d]{12,}"
    r"|\b(?:ghp|gho|github_pat|glpat|xox[abprs])[-_][\w-]{12,}|\b(?:AKIA|AIza)[\w-]{12,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|://[^/\s:@]+:[^/\s@]+@"
    r"|[?&](?:access_token|token|key|api_key|secret|sig)=[^&{\s]{6,}"
    r"|hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/"
)
_ENVIRONMENT: Final = re.compile(r"\{\{\s*\$env\.\w+\s*\}\}")
_WRITES: Final = frozenset({"item-create", "item-update", "item-delete"})


def findings(items: tuple[Resource, ...], schema: Snapshot) -> Iterator[Finding]:
    """Yield errors."""
    for item in items:
        for row in item.rows:
            if item.kind == PRESET:
                yield from _preset(item, row, schema)
            elif item.kind == PANEL:
                yield from _panel(item, row, schema)
            elif item.kind in {FLOW, OPERATION}:
                yield from _secrets(item, row["options"])
                yield from _operation(item, row) if item.kind == OPERATION else ()
    yield from _circles(items)


def _preset(item: Resource, row: Row, schema: Snapshot) -> Iterator[Finding]:
    collection = row["collection"]
    if not paths.has_collection(schema, collection):
        yield Finding(item.where, f"there is no collection {collection}", "rename or remove the file")
        return
    query = row["layout_query"]
    layouts = [each for each in query.values() if isinstance(each, Mapping)] if isinstance(query, Mapping) else []
    yield from _fields(
        item,
        collection,
        [name for each in layouts for name in (*_texts_of(each.get("fields")), *_sorted(each))],
        schema,
    )
    yield from _order(item, [name for each in layouts for name in _sorted(each)])
    yield from _filter(item, collection, row["filter"], schema)


def _sorted(query: Mapping[str, Any]) -> Iterator[str]:
    yield from (name.removeprefix("-") for name in _texts_of(query.get("sort")))


def _texts_of(value: object) -> Iterator[str]:
    yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def _order(item: Resource, names: list[str]) -> Iterator[Finding]:
    for name in names:
        if not name.isidentifier():
            what = f"{item.id} sorts by {name}, which the extension refuses to everybody but administrators"
            yield Finding(item.where, what, "sort by fields of the collection itself: docs/extensions.md#filters")


def _panel(item: Resource, row: Row, schema: Snapshot) -> Iterator[Finding]:
    options = row["options"]
    collection = options.get("collection") if isinstance(options, Mapping) else None
    if not isinstance(options, Mapping) or not isinstance(collection, str):
        return
    if not paths.has_collection(schema, collection):
        yield Finding(item.where, f"{item.id}: there is no collection {collection}", _NAMES)
        return
    named = [name for key, value in options.items() if key in _FIELDS for name in _texts_of(value)]
    template = _TEMPLATE.findall(str(options.get("displayTemplate") or ""))
    yield from _fields(item, collection, [*named, *template], schema)
    yield from _order(item, [*_texts_of(options.get("sortField")), *_texts_of(options.get("groupByField"))])
    yield from _filter(item, collection, options.get("filter"), schema)


def _fields(item: Resource, collection: str, names: list[str], schema: Snapshot) -> Iterator[Finding]:
    for name in dict.fromkeys(names):
        function = _FUNCTION.fullmatch(name)
        if (missing := paths.missing(schema, collection, function[1] if function else name)) is not None:
            yield Finding(item.where, f"{item.id} names {name}, but {missing}", _NAMES)


def _filter(item: Resource, collection: str, found: object, schema: Snapshot) -> Iterator[Finding]:
    if found:
        for problem in dict.fromkeys(filters.faults(schema, collection, found)):
            yield Finding(item.where, f"{item.id}: {problem}", "correct the filter")


def _secrets(item: Resource, options: object) -> Iterator[Finding]:
    for path, value in _texts(options):
        name = path.rpartition(".")[2]
        plain = _ENVIRONMENT.sub("", value)
        named = (hiding.is_secret(name) or _SECRET_NAME.search(name)) and re.sub(
            r"\{\{.*?\}\}|Bearer|Basic|\s", "", plain
        )
        if named or _SECRET_VALUE.search(plain):
            what = f"{item.id}: options.{path} looks like a secret, which everybody with the repository could read"
            yield Finding(
                item.where, what, "take it from the environment: {{$env.NAME}}, with NAME in FLOWS_ENV_ALLOW_LIST"
            )


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        # A header's name is in `header`, and its value in `value`.
        header = value.get("header")
        for key, child in value.items():
            name = str(header) if key == "value" and isinstance(header, str) else str(key)
            yield from _texts(child, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child, path)
    elif isinstance(value, str):
        yield path, value


def _operation(item: Resource, row: Row) -> Iterator[Finding]:
    options = row["options"] if isinstance(row["options"], Mapping) else {}
    if row["options"] is None:
        what = f"{item.id} has no options, and Directus runs no operation without them"
        yield Finding(item.where, what, "write `options: {}`")
    if row["type"] in _WRITES:
        what = f"{item.id} writes items ({row['type']}): a flow that writes bypasses tested rules"
        yield Finding(
            item.where, what, "write it as a hook of the extension, or call one of its endpoints: docs/extensions.md"
        )
        return
    if row["type"] == "item-read" and options.get("emitEvents") is not True:
        what = f"{item.id} reads items without `emitEvents: true`, so no hook runs"
        yield Finding(item.where, what, "write `emitEvents: true` into its options")
    if row["type"].startswith("item-") and options.get("permissions", "$trigger") == "$full":
        what = f"{item.id} has the permissions $full, which allow everything"
        yield Finding(item.where, what, "write `permissions: $trigger`, or $public")


def _circle(targets: Mapping[str, Iterable[str]]) -> list[str]:
    """Return operations that lead back to the first of them, or an empty list."""
    try:
        TopologicalSorter(targets).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _circles(items: tuple[Resource, ...]) -> Iterator[Finding]:
    """Find operations that lead back to themselves, or that lead to the same one. PostgreSQL can store neither."""
    found = {item.rows[0]["id"]: item for item in items if item.kind == OPERATION}
    links = OPERATIONS.links
    left = {key: [item.rows[0][link] for link in links] for key, item in found.items()}
    while circle := _circle(left):
        item = found[circle[0]]
        yield Finding(item.where, f"{item.id} leads back to itself", "remove a link, so that the flow ends")
        left = {key: targets for key, targets in left.items() if key not in circle}
    named: dict[tuple[str, str], Resource] = {}
    for item in found.values():
        for link in links:
            target = item.rows[0][link]
            if target is not None and named.setdefault((link, target), item) is not item:
                what = f"{item.id} and {named[link, target].id} lead to the same operation, which Directus cannot store"
                yield Finding(item.where, what, "give each an operation of its own, or call another flow")
