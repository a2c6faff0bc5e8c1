from __future__ import annotations

import pytest

from directus_sync import wording


@pytest.mark.parametrize(
    ("value", "said"),
    [("x" * 58, f"'{'x' * 58}'"), ("x" * 59, f"'{'x' * 59}..."), (None, "None"), ([1] * 99, "a list"), ({}, "a dict")],
)
def test_a_value_is_shown_short_whatever_it_is(value: object, said: str) -> None:
    assert wording.shown(value) == said


def test_the_rest_of_a_list_is_counted() -> None:
    names = [str(number) for number in range(21)]
    assert wording.shortened(names) == [*names[:20], "and 1 more"]
    assert wording.shortened(names[:20]) == names[:20]
    assert wording.listed(names[:4], 3) == "0, 1, 2 and 1 more"
    assert wording.listed(names[:3], 3) == "0, 1, 2"
