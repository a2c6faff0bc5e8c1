"""The order in which copies are restored."""

from __future__ import annotations

from directus_sync.attic import order


def test_a_referenced_table_is_restored_first() -> None:
    found = order.depth(["c", "a", "b"], [("c", "b"), ("b", "a")])
    assert sorted(found, key=found.__getitem__) == ["a", "b", "c"]


def test_circular_references_are_ordered_too() -> None:
    found = order.depth(["a", "b", "c"], [("a", "b"), ("b", "a"), ("c", "a")])
    assert found.keys() == {"a", "b", "c"}
