"""When `attic purge` asks."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from directus_sync import attic, cli
from directus_sync.commands import options
from directus_sync.report import copies as report
from directus_sync.steps import sessions


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
    assert CliRunner().invoke(cli.app, ["attic", "purge", "1"]).exit_code == 0
    assert done == ["asked", "locked", "purged [1]"]
