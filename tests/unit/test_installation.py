"""What is known of the installed Directus without starting it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from directus_sync.directus import installation
from directus_sync.errors import WrongSettings
from directus_sync.settings import Settings

Load = Callable[..., Settings]


def test_the_installed_version_is_that_of_the_package(load: Load, home: Path) -> None:
    assert installation.version(load(DIRECTUS_HOME=str(home))) == "11.17.4"


def test_without_url_and_home_both_are_named(load: Load) -> None:
    with pytest.raises(WrongSettings) as caught:
        installation.version(load())
    assert "DIRECTUS_URL" in str(caught.value)
    assert "DIRECTUS_HOME" in str(caught.value)


def test_a_home_without_directus_is_named(load: Load, tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match=r"no cli\.js") as caught:
        installation.version(load(DIRECTUS_HOME=str(tmp_path)))
    assert caught.value.where == str(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json"])
def test_a_home_with_a_broken_package_is_named(load: Load, home: Path, content: str) -> None:
    (home / "package.json").write_text(content, encoding="utf-8")
    with pytest.raises(WrongSettings) as caught:
        installation.version(load(DIRECTUS_HOME=str(home)))
    assert caught.value.where == str(home / "package.json")
