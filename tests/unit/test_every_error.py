"""Rules that hold for every error: it says what to do next, and a test meets it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from directus_sync.errors import SyncError

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*(ROOT / "directus_sync").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]
ABSTRACT = {"failed", "refused", "refused-plan"}


def _classes(base: type[SyncError] = SyncError) -> Iterator[type[SyncError]]:
    yield base
    for derived in base.__subclasses__():
        yield from _classes(derived)


CLASSES = {error.__name__: error for error in _classes()}


def _raised() -> Iterator[tuple[str, ast.Call]]:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        # Most files have none, and to parse all of them takes half a second of each worker.
        tree = ast.parse(text if any(f"{name}(" in text for name in CLASSES) else "")
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLASSES:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


@pytest.mark.parametrize(("place", "call"), [pytest.param(place, call, id=place) for place, call in _raised()])
def test_an_error_says_what_to_do_next(place: str, call: ast.Call) -> None:
    assert "next" in {keyword.arg for keyword in call.keywords}, f"{place} raises without a next step"


@pytest.mark.parametrize("error", sorted({error.id for error in CLASSES.values()} - ABSTRACT))
def test_an_error_is_met_by_a_test(error: str) -> None:
    wanted = {name for name, found in CLASSES.items() if found.id == error} | {f"error[{error}]", f'"{error}"'}
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert any(any(word in path.read_text(encoding="utf-8") for word in wanted) for path in tests)
