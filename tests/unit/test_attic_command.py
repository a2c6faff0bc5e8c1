"""How old copies must be for `attic purge`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directus_sync import settings
from directus_sync.errors import WrongSettings


@pytest.mark.parametrize(
    ("text", "span"), [("90d", timedelta(days=90)), ("12h", timedelta(hours=12)), ("4w", timedelta(weeks=4))]
)
def test_an_age_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert settings.age(text, "--older-than") == span


@pytest.mark.parametrize("text", ["", "d", "90", "-1d", "1.5d", "90 d", "90m", "9" * 5000 + "d", "9" * 12 + "w"])
def test_an_age_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WrongSettings) as caught:
        settings.age(text, "--older-than")
    assert caught.value.exit_code == 2
