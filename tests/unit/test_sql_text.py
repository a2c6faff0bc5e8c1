from __future__ import annotations

import pytest

from directus_sync import sql_text


@pytest.mark.parametrize(("name", "written"), [("order", '"order"'), ('a "b"', '"a ""b"""'), ("Events", '"Events"')])
def test_a_name_is_always_quoted_because_it_may_be_a_word_of_sql(name: object, written: str) -> None:
    assert sql_text.identifier(name) == written


def test_a_quote_inside_a_text_is_doubled() -> None:
    assert sql_text.literal("the referee's") == "'the referee''s'"
