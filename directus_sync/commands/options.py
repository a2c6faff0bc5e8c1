"""The options that several commands share, and the settings that a command runs with."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import rich_click as click

from directus_sync import output, settings
from directus_sync.errors import SyncError, WrongSettings
from directus_sync.schema import snapshot as snapshots
from directus_sync.settings import Mode, Settings
from directus_sync.steps.parts import EVERYTHING, Part

FILE: Final = click.Path(path_type=Path)

Command = Callable[..., None]


def _mode(_context: click.Context, _option: click.Parameter, value: str | None) -> Mode | None:
    return Mode(value) if value is not None else None


def _part(_context: click.Context, _option: click.Parameter, value: str | None) -> frozenset[Part]:
    return EVERYTHING if value is None else frozenset({Part(value)})


def _ids(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> frozenset[str]:
    """Read ids given as --option a,b --option c."""
    return frozenset(name.strip() for text in values for name in text.split(",") if name.strip())


with_snapshot = click.option(
    "--snapshot", type=FILE, metavar="PATH", help="The snapshot file.  [default: snapshots/schema.yaml]"
)
with_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
with_mode = click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    callback=_mode,
    help="auto judges and applies; dry-run changes nothing and exits 3 if anything would change; skip leaves Directus's"
    " schema alone.  [default: DIRECTUS_SCHEMA_APPLY_MODE, else auto]",
)
with_dry_run = click.option("--dry-run", is_flag=True, help="Change nothing; exit 3 when anything would be.")
with_yes = click.option("--yes", is_flag=True, help="Do it without asking.")
with_only = click.option(
    "--only",
    type=click.Choice([part.value for part in Part]),
    callback=_part,
    help="Leave the other parts alone: schema is collections, fields and relations; access is who may do what;"
    " resources are lists, dashboards, flows, translations and settings.",
)
with_attic = click.option("--no-attic", is_flag=True, help="Destroy without keeping a copy in the attic.")


def with_approvals(command: Command) -> Command:
    """Add the two options that approve a loss."""
    option = partial(click.option, multiple=True, metavar="ID,...", callback=_ids, shell_complete=_known_ids)
    destroy = option("--allow-destroy", help="Approve that git removes or narrows these: events, events.notes.")
    discard = option("--discard-live", help="Override changes that were made in Directus and never captured.")
    return destroy(discard(command))


def _known_ids(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Complete an id from the snapshot file, after a comma too."""
    before, comma, last = begun.rpartition(",")
    try:
        file = snapshots.read(settings.load().snapshot)
    except SyncError:
        return []
    return [f"{before}{comma}{name}" for name in sorted(file.ids) if name.startswith(last)]


def confirm(what: str, *, yes: bool) -> None:
    """Ask a person on a terminal; without one `--yes` must say it. Raises WrongSettings where nobody agreed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongSettings(f"{what}, and nobody agreed to it", next="run again with --yes; --dry-run only shows it")
    if not click.confirm(f"{what}. Go on?", err=True):
        raise WrongSettings(f"{what}, and was not agreed to", next="nothing was changed")


def load(snapshot: Path | None = None, mode: Mode | None = None) -> Settings:
    """Return the settings, with what the command line says in place of them. Hides their secrets from all output."""
    loaded = settings.load()
    output.hide(loaded.secrets)
    return dataclasses.replace(loaded, snapshot=snapshot or loaded.snapshot, mode=mode or loaded.mode)


def finish(code: int) -> None:
    """End the command with an exit code other than 0, if there is one."""
    if code:
        sys.exit(code)
