"""docs/settings.md and .env.example list every setting of the tool, with its default."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

import directus_sync
from directus_sync import settings
from directus_sync.errors import WrongSettings
from directus_sync.settings import ROOT
from tests import pages
from tests.pages import section, table

EXAMPLE = pages.read(".env.example")
# Only Directus reads it.
HANDED_ON = {"PUBLIC_URL"}
# Only the extension reads it: docs/extensions.md.
OF_THE_EXTENSION = {"TRM_COMMANDS_TOKEN"}
# Set by terminals and by make, not by users.
SURROUNDINGS = {"NO_COLOR", "TERM", "DIRECTUS_SYNC_MAKE", "DIRECTUS_SYNC_UNCAPTURED"}


def names_read() -> set[str]:
    """Return the names of all variables in the settings modules."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(settings.__file__).parent.glob("[!_]*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[A-Z]+(_+[A-Z]+)*", text)} - SURROUNDINGS


def example() -> dict[str, str]:
    """Return every variable of .env.example, also those that are commented out."""
    text = re.sub(r"^# ?(?=[A-Z_]+=)", "", EXAMPLE, flags=re.MULTILINE)
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}


def test_the_table_of_settings_is_complete() -> None:
    assert set(table(pages.generated("settings"))) == names_read() | HANDED_ON


def test_the_template_of_env_has_every_setting() -> None:
    # With CONFIG_PATH no .env is read, so it cannot be set there.
    assert set(example()) == (names_read() - {"CONFIG_PATH"}) | HANDED_ON | OF_THE_EXTENSION


def test_only_the_settings_module_reads_the_environment() -> None:
    for path in Path(directus_sync.__file__).parent.rglob("*.py"):
        if path.parts[-2:] != ("settings", "reading.py"):
            assert not re.search(r"os\.(environ|getenv)", path.read_text(encoding="utf-8")), path


def test_the_settings_of_make_are_listed() -> None:
    sources = [*(ROOT / "tools" / "devstack").glob("*.py"), ROOT / "tools" / "devstack" / "venv.sh"]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    read = re.findall(r"os\.environ(?:\.get\(|\[)\"([A-Z_]+)\"|\$\{([A-Z_]+):", text)
    listed = set(table(section(pages.read("docs/settings.md"), "Settings of make")))
    assert listed == {name for pair in read for name in pair if name} - {"PATH"}


def test_the_template_of_env_does_not_name_a_database() -> None:
    with pytest.raises(WrongSettings, match="no database is named"):
        settings.load({}, ROOT / ".env.example")


def test_the_template_of_env_shows_the_defaults(load: Callable[..., settings.Settings]) -> None:
    shown = load(**{name: value for name, value in example().items() if value})
    for known in dataclasses.fields(shown):
        if known.name != "environ":
            assert getattr(shown, known.name) == getattr(load(), known.name)
    assert shown.excluded_tables == load().excluded_tables


def test_the_table_of_settings_and_the_template_of_env_show_the_same_defaults() -> None:
    listed = table(pages.generated("settings"))
    for name, value in example().items():
        if value:
            assert listed[name][0] == value


def test_the_template_of_env_marks_required_settings_and_shows_how_to_make_secrets() -> None:
    for name in ("DB_HOST", "KEY", "ADMIN_EMAIL"):
        (paragraph,) = (part for part in EXAMPLE.split("\n\n") if re.search(rf"^{name}=", part, re.MULTILINE))
        assert "# Required" in paragraph
    for name in ("KEY", "SECRET", "ADMIN_TOKEN"):
        assert re.search(rf"^# {name}[^=]*: +(openssl rand|python3 -c)", EXAMPLE, re.MULTILINE)
