"""`attic purge` asks for confirmation before it locks."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from directus_sync import attic, cli
from directus_sync.commands import options
from directus_sync.report import copies as report
from directus_sync.steps import sessions


def test_a_purge_asks_before_it_takes_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def writing(*_: object) -> AbstractContextManager[None]:
        done.append("locked")
        return nullcontext()

    monkeypatch.setattr(options, "load", lambda: None)
    monkeypatch.setattr(options, "confirm", lambda *_, **__: done.append("asked"))
    monkeypatch.setattr(sessions, "reading", lambda *_: nullcontext())
    monkeypatch.setattr(sessions, "writing", writing)
    copies = [SimpleNamespace(id=number, rows=7, item=attic.AtticItem("vehicles")) for number in (1, 2, 3)]
    # When the lock is there, the second one is gone, and the third one has other rows.
    later = [copies[0], SimpleNamespace(id=3, rows=8, item=attic.AtticItem("vehicles"))]
    monkeypatch.setattr(attic, "listing", lambda _: later if "locked" in done else copies)
    monkeypatch.setattr(attic, "purge", lambda _, ids: done.append(f"purged {ids}"))
    monkeypatch.setattr(report, "copy_line", lambda _: "copy 1")
    monkeypatch.setattr(report, "copy_document", lambda _: {})
    finished = CliRunner().invoke(cli.app, ["attic", "purge", "1", "2", "3"])
    assert (finished.exit_code, "Purged 1 copy" in finished.output) == (0, True), finished.output
    assert "note: copy 2 of vehicles was already deleted, so it was left alone" in finished.output
    assert "note: copy 3 of vehicles changed after you chose it, so it was left alone" in finished.output
    assert done == ["asked", "locked", "purged [1]"]
