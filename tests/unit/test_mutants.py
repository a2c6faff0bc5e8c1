"""What `make mutants` changes, and the tests that it runs, are where its settings say."""

from __future__ import annotations

from tests.conftest import ROOT
from tools.mutants import PARTS, SETTINGS


def test_the_modules_that_are_changed_and_their_tests_are_there() -> None:
    assert PARTS.keys() <= set(SETTINGS["only_mutate"])
    named = [*SETTINGS["only_mutate"], *SETTINGS["also_copy"], *SETTINGS["pytest_add_cli_args_test_selection"]]
    assert [path for path in named if not (ROOT / path).exists()] == []
