"""The generated pages are up to date, and `make docs` names and writes stale ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools import docs


def test_all_generated_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--check"]) == 0, capsys.readouterr().err


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("docs", "snapshots", "extensions/trm/src/generated"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("images"))
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def test_stale_files_are_named_and_then_written(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = checkout / "docs/schema/gone.md"
    gone.write_text("of a group that was removed\n", encoding="utf-8")
    (checkout / "docs/schema/event.md").unlink()
    (checkout / "extensions/trm/src/generated/constraints.json").write_text("edited by hand\n", encoding="utf-8")
    for page in ("README.md", "docs/schema.md", "docs/who-may-do-what.md"):
        (checkout / page).write_text("<!-- generated: errors -->\n<!-- end -->", encoding="utf-8")
    stale = [
        "README.md", "docs/schema.md", "docs/schema/event.md", "docs/schema/gone.md", "docs/who-may-do-what.md",
        "extensions/trm/src/generated/constraints.json",
    ]  # fmt: skip
    assert docs.main(["--check"], checkout) == 1
    told = capsys.readouterr().err.splitlines()
    assert sorted(told) == [f"{name} is out of date; run: make docs" for name in stale]
    assert docs.main([], checkout) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == [f"Wrote {name}" for name in stale]
    assert not gone.exists()
    assert docs.main(["--check"], checkout) == 0
    assert (checkout / "docs/schema.md").read_bytes() == (ROOT / "docs/schema.md").read_bytes()


def test_files_that_cannot_be_read_are_named(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "snapshots/catalog.yaml").write_text("[", encoding="utf-8")
    assert docs.main([], checkout) == 4
    assert "error[invalid-catalog]" in capsys.readouterr().err
