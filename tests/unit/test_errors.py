"""The text of errors, and rules for all errors: each names the next step and occurs in a test."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from directus_sync import errors
from directus_sync.errors import ApplyUnclear, InvalidSnapshot, SyncError
from tests.conftest import ROOT

KINDS = {
    name: member
    for name, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, SyncError) and member.__module__ == errors.__name__
}


def test_an_error_is_printed_with_id_place_done_steps_and_next_step() -> None:
    error = InvalidSnapshot("2 collections exist in no snapshot", where="push of a\nto b", next="keep it\nor lose it")
    error.done = ("pre_0001", "bootstrap")
    assert str(error) == (
        "error[invalid-snapshot]: 2 collections exist in no snapshot\n"
        "  where: push of a\n"
        "         to b\n"
        "  done:  pre_0001, bootstrap\n"
        "  next:  keep it\n"
        "         or lose it"
    )


def test_an_error_has_no_lines_for_missing_parts() -> None:
    assert str(SyncError("it broke")) == "error[failed]: it broke"
    assert str(SyncError("it broke", where="", next="")) == "error[failed]: it broke"


def test_ids_are_unique_words_with_hyphens_and_all_exit_codes_are_used() -> None:
    # ApplyUnclear has the id of its base class.
    ids = [kind.id for kind in KINDS.values() if kind is not ApplyUnclear]
    assert sorted(ids) == sorted(set(ids))
    assert [name for name in ids if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)] == []
    assert {kind.exit_code for kind in KINDS.values()} == {1, 2, 4, 5}


SOURCES = [*(ROOT / "directus_sync").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]
ABSTRACT = {"failed", "refused", "refused-plan"}


def _raised() -> Iterator[tuple[str, ast.Call]]:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        # Most files raise none of them, and parsing all files would take each worker half a second.
        tree = ast.parse(text if any(f"{name}(" in text for name in KINDS) else "")
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


@pytest.mark.parametrize(("place", "call"), [pytest.param(place, call, id=place) for place, call in _raised()])
def test_an_error_has_a_next_step(place: str, call: ast.Call) -> None:
    assert "next" in {keyword.arg for keyword in call.keywords}, f"{place} raises without a next step"


@pytest.mark.parametrize("error", sorted({error.id for error in KINDS.values()} - ABSTRACT))
def test_an_error_occurs_in_a_test(error: str) -> None:
    wanted = {name for name, found in KINDS.items() if found.id == error} | {f"error[{error}]", f'"{error}"'}
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert any(any(word in path.read_text(encoding="utf-8") for word in wanted) for path in tests)


# Refusals of the extension


SENTENCES = ROOT / "extensions" / "trm" / "src" / "lib" / "errors.ts"
CODES = re.findall(r"refusal\('(\w+)'", SENTENCES.read_text(encoding="utf-8"))
TESTS = [*(ROOT / "tests" / "extension").glob("test_*.py"), ROOT / "tests" / "integration" / "test_constraints.py"]
PAGES = [
    ROOT / "docs" / "extensions.md",
    ROOT / "docs" / "constraints.md",
    ROOT / "extensions" / "trm" / "openapi.json",
]


@pytest.mark.parametrize("code", CODES)
def test_a_refusal_of_the_extension_occurs_in_a_test_and_on_a_page(code: str) -> None:
    for files in (TESTS, PAGES):
        assert any(re.search(rf"\b{code}\b", path.read_text(encoding="utf-8")) for path in files), code


def test_the_codes_of_the_extension_are_found() -> None:
    assert {"TENANT_FORBIDDEN", "RACE_NUMBER_OUT_OF_RANGE"} <= set(CODES)
