"""The files that the settings of `make mutants` name exist."""

from __future__ import annotations

from tests.conftest import ROOT
from tools.mutants import PARTS, SETTINGS


def test_the_mutated_modules_and_their_tests_exist() -> None:
    assert PARTS.keys() <= set(SETTINGS["only_mutate"])
    named = [*SETTINGS["only_mutate"], *SETTINGS["also_copy"], *SETTINGS["pytest_add_cli_args_test_selection"]]
    assert [path for path in named if not (ROOT / path).exists()] == []
