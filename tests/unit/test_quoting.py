from __future__ import annotations

import pytest

from directus_sync.text import quoting


@pytest.mark.parametrize(("name", "written"), [("order", '"order"'), ('a "b"', '"a ""b"""'), ("Events", '"Events"')])
def test_a_name_is_always_quoted(name: object, written: str) -> None:
    assert quoting.identifier(name) == written


def test_a_quote_inside_a_text_is_doubled() -> None:
    assert quoting.literal("the referee's") == "'the referee''s'"
