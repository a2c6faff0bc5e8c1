"""`completion`: prints the script with which a shell completes commands and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import rich_click as click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from directus_sync import output

SHELLS: Final[Mapping[str, type[ShellComplete]]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
# The shell sets this variable when it asks click for completions.
VARIABLE: Final = "_DIRECTUS_SYNC_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(tuple(SHELLS)), metavar="SHELL", help="bash, zsh or fish.")
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print a script that completes commands and options; in bash: eval "$(directus-sync completion bash)"."""
    root = context.find_root()
    output.result(SHELLS[shell](root.command, {}, root.info_name or "", VARIABLE).source())
