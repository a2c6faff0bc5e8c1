"""What `make mutants` changes, and the tests that it runs, are where its settings say."""

from __future__ import annotations

import tomllib

from tests.conftest import ROOT
from tools import mutants

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]


def test_the_modules_that_are_changed_are_those_that_are_counted_and_there() -> None:
    assert SETTINGS["only_mutate"] == list(mutants.MODULES)
    named = [*SETTINGS["only_mutate"], *SETTINGS["also_copy"], *SETTINGS["pytest_add_cli_args_test_selection"]]
    assert [path for path in named if not (ROOT / path).exists()] == []
