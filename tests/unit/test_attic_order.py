"""In which order copies go back: what others refer to comes first, and a circle ends."""

from __future__ import annotations

from directus_sync.attic import order


def test_what_others_refer_to_comes_first() -> None:
    found = order.depth(["c", "a", "b"], [("c", "b"), ("b", "a")])
    assert sorted(found, key=found.__getitem__) == ["a", "b", "c"]


def test_a_circle_has_an_end() -> None:
    found = order.depth(["a", "b", "c"], [("a", "b"), ("b", "a"), ("c", "a")])
    assert found.keys() == {"a", "b", "c"}
