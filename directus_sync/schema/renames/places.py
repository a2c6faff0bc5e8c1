"""Where the rows of Directus's own tables have names of collections and fields. Pure: no database."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from directus_sync.schema.renames.rewriting import JSON, Collections, Rewriter

# Queries for `Model.of`. Directus has no rows for the fields and relations of its own tables: they are in its code.
FIELDS: Final = "SELECT collection, field FROM public.directus_fields"
RELATIONS: Final = """
SELECT many_collection, many_field, one_collection, one_field, junction_field,
  string_to_array(one_allowed_collections, ',') FROM public.directus_relations"""
# Columns that hold a collection's name and nothing else. Some refer to others by foreign keys.
COLLECTION_COLUMNS: Final = {
    "directus_activity": ("collection",),
    "directus_collections": ("collection", "group"),
    "directus_comments": ("collection",),
    "directus_fields": ("collection",),
    "directus_notifications": ("collection",),
    "directus_permissions": ("collection",),
    "directus_presets": ("collection",),
    "directus_relations": ("many_collection", "one_collection"),
    "directus_revisions": ("collection",),
    "directus_settings": ("mcp_prompts_collection",),
    "directus_shares": ("collection",),
    "directus_versions": ("collection",),
}
# Table, column with a collection's name, and column with the name of a field of that collection.
FIELD_COLUMNS: Final = (
    ("directus_collections", "collection", "archive_field"),
    ("directus_collections", "collection", "sort_field"),
    ("directus_fields", "collection", "field"),
    ("directus_fields", "collection", "group"),
    ("directus_relations", "many_collection", "many_field"),
    ("directus_relations", "many_collection", "junction_field"),
    ("directus_relations", "many_collection", "one_collection_field"),
    ("directus_relations", "many_collection", "sort_field"),
    ("directus_relations", "one_collection", "one_field"),
)
# Columns with a list of names in one text, separated by commas.
COLLECTION_LISTS: Final = (("directus_relations", "one_allowed_collections"),)
FIELD_LISTS: Final = (("directus_permissions", "collection", "fields"),)

Rewrite = Callable[[Rewriter, Any, Collections, Collections], JSON]
FILTER: Final[Rewrite] = Rewriter.filter
OPTIONS: Final[Rewrite] = Rewriter.options
TEMPLATE: Final[Rewrite] = lambda rewriter, text, here, _: rewriter.template(text, here)  # noqa: E731
PATHS: Final[Rewrite] = lambda rewriter, node, here, host: rewriter.options(node, here, host, "fields")  # noqa: E731
AUTOMATION: Final[Rewrite] = lambda rewriter, node, _here, _host: rewriter.automation(node)  # noqa: E731

# Texts and JSON with names inside. `here` is the row's collection, or what the field leads to for columns in RELATED.
DOCUMENTS: Final[tuple[tuple[str, str, Rewrite], ...]] = (
    ("directus_collections", "display_template", TEMPLATE),
    ("directus_collections", "item_duplication_fields", PATHS),
    ("directus_collections", "preview_url", TEMPLATE),
    ("directus_fields", "conditions", Rewriter.conditions),
    ("directus_fields", "display_options", OPTIONS),
    ("directus_fields", "options", OPTIONS),
    ("directus_fields", "validation", FILTER),
    ("directus_flows", "options", AUTOMATION),
    ("directus_operations", "options", AUTOMATION),
    ("directus_panels", "options", AUTOMATION),
    ("directus_permissions", "permissions", FILTER),
    ("directus_permissions", "presets", FILTER),
    ("directus_permissions", "validation", FILTER),
    ("directus_presets", "filter", FILTER),
    ("directus_presets", "layout_options", OPTIONS),
    ("directus_presets", "layout_query", OPTIONS),
    ("directus_revisions", "data", FILTER),
    ("directus_revisions", "delta", FILTER),
    ("directus_versions", "delta", FILTER),
)
RELATED: Final = frozenset({"conditions", "display_options", "options"})
AUTOMATED: Final = frozenset({"directus_flows", "directus_operations", "directus_panels"})


def as_stored(name: str, kind: str) -> str:
    """Return a name as a column of this type stores it: JSON escapes quotes and backslashes."""
    return json.dumps(name, ensure_ascii=False)[1:-1] if kind == "json" else name


def word(name: str) -> re.Pattern[str]:
    """Return a pattern for the name as a whole word, for Python and for PostgreSQL."""
    return re.compile(rf"(^|[^A-Za-z0-9_]){re.escape(name)}([^A-Za-z0-9_]|$)")
