"""`make verify` explains a difference in the order of entries."""

from __future__ import annotations

from typing import Any

from tools import verify


def document(*names: str) -> dict[str, Any]:
    collections = [{"collection": name} for name in names]
    return {"collections": collections, "fields": [{"collection": n, "field": "id"} for n in names], "relations": []}


def test_a_different_order_is_explained_with_the_first_moved_entry() -> None:
    lines = list(verify.explained(document("a", "b", "c"), document("a", "c", "b")))
    assert [line.partition(":")[0] for line in lines] == ["collections", "fields"]
    assert "the same entries in another order, from b on" in lines[0]
    assert "from b.id on" in lines[1]


def test_different_or_equal_entries_are_not_explained() -> None:
    assert list(verify.explained(document("a"), document("b"))) == []
    assert list(verify.explained(document("a"), document("a"))) == []
