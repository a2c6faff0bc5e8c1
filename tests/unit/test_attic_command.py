"""How old copies must be for `attic purge`, and when it asks."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from directus_sync import attic, settings
from directus_sync.commands import attic as command
from directus_sync.commands import options
from directus_sync.errors import WrongSettings
from directus_sync.report import copies as report
from directus_sync.steps import sessions


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


def test_a_purge_asks_before_it_takes_the_lock_that_deploys_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def writing(*_: object) -> AbstractContextManager[None]:
        done.append("locked")
        return nullcontext()

    monkeypatch.setattr(options, "load", lambda: None)
    monkeypatch.setattr(options, "confirm", lambda *_, **__: done.append("asked"))
    monkeypatch.setattr(sessions, "reading", lambda *_: nullcontext())
    monkeypatch.setattr(sessions, "writing", writing)
    monkeypatch.setattr(attic, "listing", lambda _: [SimpleNamespace(id=1, item=attic.AtticItem("vehicles"))])
    monkeypatch.setattr(attic, "purge", lambda _, ids: done.append(f"purged {ids}"))
    monkeypatch.setattr(report, "copy_line", lambda _: "copy 1")
    monkeypatch.setattr(report, "copy_document", lambda _: {})
    assert CliRunner().invoke(command.purge, ["1"]).exit_code == 0
    assert done == ["asked", "locked", "purged [1]"]
