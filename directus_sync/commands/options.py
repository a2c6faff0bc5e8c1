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
    """Return the ids that are given as --option a,b --option c."""
    return frozenset(name.strip() for text in values for name in text.split(",") if name.strip())


with_snapshot = click.option(
    "--snapshot", type=FILE, metavar="PATH", help="The snapshot file.  [default: snapshots/schema.yaml]"
)
with_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
with_mode = click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    callback=_mode,
    help="auto judges and applies; dry-run changes nothing and exits 3 if anything would change; skip pushes nothing."
    "  [default: DIRECTUS_SCHEMA_APPLY_MODE, else auto]",
)
with_dry_run = click.option("--dry-run", is_flag=True, help="Change nothing; exit 3 if there is anything to change.")
with_yes = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
with_only = click.option(
    "--only",
    type=click.Choice([part.value for part in Part]),
    callback=_part,
    help="Leave the other parts alone: schema is collections, fields and relations; access is who may do what;"
    " resources are lists, dashboards, flows, translations and settings.",
)
with_attic = click.option("--no-attic", is_flag=True, help="Do not copy removed rows to the attic.")


def with_approvals(command: Command) -> Command:
    """Add the two options that approve a loss."""
    option = partial(click.option, multiple=True, metavar="ID,...", callback=_ids, shell_complete=_known_ids)
    destroy = option("--allow-destroy", help="Approve that git removes or narrows these items: events,events.notes.")
    discard = option("--discard-live", help="Overwrite Directus's uncaptured changes of these items.")
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
    """Ask for confirmation on a terminal; elsewhere `--yes` is required. Raises WrongSettings if not confirmed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongSettings(f"{what}; this was not confirmed", next="run again with --yes; --dry-run only shows it")
    if not click.confirm(f"{what}. Go on?", err=True):
        raise WrongSettings(f"{what}; this was not confirmed", next="nothing was changed")


def load(snapshot: Path | None = None, mode: Mode | None = None) -> Settings:
    """Return the settings. `snapshot` and `mode` replace a setting, if given. Hides the secrets in all output."""
    loaded = settings.load()
    output.hide(loaded.secrets)
    return dataclasses.replace(loaded, snapshot=snapshot or loaded.snapshot, mode=mode or loaded.mode)


def finish(code: int) -> None:
    """End the command with this exit code, unless it is 0."""
    if code:
        sys.exit(code)
