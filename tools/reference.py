"""Generates the tables of the documentation that come from the code: exit codes, errors, settings, commands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import click

from directus_sync import cli, errors
from directus_sync.errors import EXIT_CODES, SyncError
from directus_sync.schema.rules import SchemaRule
from directus_sync.settings import SETTINGS

# A generated table is between these marks.
_MARKED: Final = re.compile(
    r"(^<!-- generated: (?P<name>[a-z-]+) -->\n)(?P<table>.*?)(^<!-- end -->$)", re.DOTALL | re.MULTILINE
)


def files(root: Path) -> dict[Path, str]:
    """Return the fresh text of each page that has a generated table, by path."""
    pages = (root / "README.md", *sorted((root / "docs").glob("*.md")))
    return {page.relative_to(root): fresh(page) for page in pages if _MARKED.search(page.read_text(encoding="utf-8"))}


def fresh(page: Path) -> str:
    """Return the page's text with its tables generated again. Raises KeyError for an unknown table."""
    return _MARKED.sub(
        lambda found: f"{found[1]}{TABLES[found['name']]()}\n<!-- end -->", page.read_text(encoding="utf-8")
    )


def exit_codes() -> str:
    """Return the table of exit codes."""
    return _table(("exit", "meaning"), ((str(code), meaning) for code, meaning in EXIT_CODES.items()))


def all_errors() -> Mapping[str, tuple[int, str, str]]:
    """Return the exit code, meaning and remedy of each error that a message can name, by id."""
    found = {rule.id: (4, rule.value.meaning, rule.value.remedy) for rule in SchemaRule}
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, SyncError) and kind.remedy and kind.id not in found:
            found[kind.id] = (kind.exit_code, (inspect.getdoc(kind) or "").splitlines()[0], kind.remedy)
    return dict(sorted(found.items(), key=lambda item: (item[1][0], item[0])))


def _errors() -> str:
    rows = (
        (f"[`{name}`](#{name})", str(code), _sentence(meaning), remedy)
        for name, (code, meaning, remedy) in all_errors().items()
    )
    return _table(("id", "exit", "meaning", "what to do"), rows)


def _settings() -> str:
    rows = ((f"`{each.name}`", each.default, each.meaning) for each in SETTINGS)
    return _table(("name", "default", "meaning"), rows)


def _commands() -> str:
    context = click.Context(cli.app)
    rows = []
    for name in cli.COMMANDS:
        command = cli.app.get_command(context, name)
        inner = command.commands.values() if isinstance(command, click.Group) else [command]
        for each in inner:
            if each is not None:
                words = name if each is command else f"{name} {each.name}"
                rows.append((f"`directus-sync {words}`", _sentence((each.help or "").split("\n\n")[0])))
    return _table(("command", "what it does"), rows)


def _sentence(text: str) -> str:
    """Return a sentence of a docstring as the text of a table cell."""
    return " ".join(text.split()).rstrip(".").replace("|", "\\|")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "exit-codes": exit_codes,
    "errors": _errors,
    "settings": _settings,
    "commands": _commands,
}
