"""The command line: lists the commands, and loads only the one that runs."""

from __future__ import annotations

import importlib
from typing import Any, Final, cast

import rich_click as click

from directus_sync import __version__, output
from directus_sync.errors import EXIT_CODES

NAME: Final = "directus-sync"
_VERBOSE: Final = "Show row values in messages. They may be personal data."
# Each is a module of `commands` with a function `command`. The order is that of `--help`.
COMMANDS: Final = (
    "deploy",
    "diff",
    "push",
    "pull",
    "adopt",
    "check",
    "prune",
    "seed",
    "status",
    "attic",
    "wait",
    "completion",
)


class _Commands(click.RichGroup):
    """Loads a command's module only when the command is used."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = importlib.import_module(f"directus_sync.commands.{name}").command
        command.name = name
        _add_output_options(command)
        return cast("click.Command", command)


def _output_options() -> list[click.Parameter]:
    """Return the options that control how much is printed. They can be given before or after the command."""
    verbose, quiet = (
        lambda _context, _option, chosen: output.show_values() if chosen else None,
        lambda _context, _option, chosen: output.be_quiet() if chosen else None,
    )
    shared: dict[str, Any] = {"is_flag": True, "expose_value": False}
    return [
        click.Option(["-v", "--verbose"], **shared, callback=verbose, help=_VERBOSE),
        click.Option(["-q", "--quiet"], **shared, callback=quiet, help="Print results and errors only."),
    ]


def _add_output_options(command: click.Command) -> None:
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _add_output_options(inner)
    elif not any("--quiet" in parameter.opts for parameter in command.params):
        command.params += _output_options()


@click.group(
    name=NAME,
    cls=_Commands,
    epilog="Exit codes: " + "; ".join(f"{code} {meaning.partition('.')[0]}" for code, meaning in EXIT_CODES.items()),
    context_settings={
        "help_option_names": ["-h", "--help"],
        # Set here: the decorator for it would load rich, which only the help needs.
        "rich_help_config": {"text_paragraph_linebreaks": "\n\n"},
    },
)
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
def app() -> None:
    """Keep every Directus equal to git: a guarded push of the snapshot, with Alembic revisions before and after it."""


app.params += _output_options()
