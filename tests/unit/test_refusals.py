"""Every code with which the extension refuses is met by a test over REST, and described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ERRORS = ROOT / "extensions" / "trm" / "src" / "lib" / "errors.ts"
CODES = re.findall(r"refusal\('(\w+)'", ERRORS.read_text(encoding="utf-8"))
TESTS = [*(ROOT / "tests" / "extension").glob("test_*.py"), ROOT / "tests" / "integration" / "test_constraints.py"]
PAGES = [
    ROOT / "docs" / "extensions.md",
    ROOT / "docs" / "constraints.md",
    ROOT / "extensions" / "trm" / "openapi.json",
]


@pytest.mark.parametrize("code", CODES)
def test_a_refusal_is_met_by_a_test_and_described(code: str) -> None:
    for files in (TESTS, PAGES):
        assert any(re.search(rf"\b{code}\b", path.read_text(encoding="utf-8")) for path in files), code


def test_the_codes_are_found() -> None:
    assert {"TENANT_FORBIDDEN", "RACE_NUMBER_OUT_OF_RANGE"} <= set(CODES)
