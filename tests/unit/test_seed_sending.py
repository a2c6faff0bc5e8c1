"""The values that are sent to Directus. PostgreSQL must get them exactly, although JavaScript rounds to doubles."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directus_sync.seed import sending
from directus_sync.seed.model import ValueForm
from directus_sync.seed.values import Literal
from tests.seeds import a_field

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | DECIMALS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
OPTIONS = a_field("options", "json", form=ValueForm.JSON)


@given(VALUES)
def test_json_reads_back_as_it_was_written(value: Any) -> None:
    assert sending.loads(sending.dumps(value)) == value


def test_an_integer_of_thousands_of_digits_is_read() -> None:
    assert sending.loads("9" * 5000) == Decimal("9" * 5000)


@pytest.mark.parametrize("number", ["1e3", "0.1", "-1.5E-7", "9007199254740992", "1e22", "0"])
def test_json_with_numbers_that_javascript_keeps_is_sent_as_json(number: str) -> None:
    body = sending.sendable(OPTIONS, {"n": [Decimal(number)]})
    assert Decimal(json.dumps(body["n"][0])) == Decimal(number)


@pytest.mark.parametrize("number", ["9007199254740993", "123456789012345678901", "0.12345678901234567890123", "1e400"])
def test_json_with_a_number_that_javascript_would_round_is_sent_as_text(number: str) -> None:
    body = sending.sendable(OPTIONS, {"n": [Decimal(number)]})
    assert isinstance(body, str)
    assert sending.loads(body) == {"n": [Decimal(number)]}


def test_a_json_text_is_sent_with_quotes() -> None:
    assert sending.sendable(OPTIONS, "hello") == '"hello"'


@pytest.mark.parametrize(
    ("sql_type", "value", "sent"),
    [
        ("numeric(20,5)", Decimal("123456789123456.12345"), "123456789123456.12345"),
        ("bigint", 2**63 - 1, "9223372036854775807"),
        ("double precision", Decimal("1.1"), 1.1),
        ("boolean", True, True),
    ],
)
def test_a_number_is_sent_with_all_its_digits(sql_type: str, value: object, sent: object) -> None:
    assert sending.sent(a_field("n", sql_type), Literal("a.yaml:1", "x"), value) == sent


@pytest.mark.parametrize(("key", "sent"), [(7, 7), ("en-US", "en-US"), (2**53 + 1, "9007199254740993")])
def test_a_key_is_sent_with_all_its_digits(key: object, sent: object) -> None:
    assert sending.key(key) == sent
