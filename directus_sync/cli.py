"""The command line: parses, calls a plain function of the pipeline, and prints its result."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from directus_sync import __version__, output, settings
from directus_sync.errors import WrongSettings
from directus_sync.process import handover
from directus_sync.settings import Mode

if TYPE_CHECKING:
    from directus_sync.commands.pushing import Request
    from directus_sync.settings import Settings

NAME: Final = "directus-sync"
# As click names it.
COMPLETION: Final = "_DIRECTUS_SYNC_COMPLETE"
SHELLS: Final[Mapping[str, type[ShellComplete]]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
FILE: Final = click.Path(path_type=Path)

Command = Callable[..., None]


def _mode(_context: click.Context, _option: click.Parameter, given: str | None) -> Mode | None:
    return Mode(given) if given is not None else None


def _ids(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> frozenset[str]:
    """Read ids given as --option a,b --option c."""
    return frozenset(name.strip() for text in given for name in text.split(",") if name.strip())


with_snapshot = click.option(
    "--snapshot", type=FILE, metavar="PATH", help="The snapshot file.  [default: snapshots/schema.yaml]"
)
with_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
with_mode = click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    callback=_mode,
    help="auto judges and applies, dry-run changes nothing and exits 3 when anything would, skip leaves Directus's"
    " schema alone.  [default: DIRECTUS_SCHEMA_APPLY_MODE, else auto]",
)
with_attic = click.option("--no-attic", is_flag=True, help="Destroy without keeping a copy in the attic.")


def with_approvals(command: Command) -> Command:
    """Give a command the two options that let something go."""
    option = partial(click.option, multiple=True, metavar="ID,...", callback=_ids)
    destroy = option("--allow-destroy", help="Approve that git removes or narrows these: events, events.notes.")
    discard = option("--discard-live", help="Override what was made in Directus and never captured.")
    return destroy(discard(command))


@click.group(
    name=NAME,
    epilog="Exit codes: 0 done or equal, 1 failed, 2 wrong usage or settings, 3 something differs,"
    " 4 refused by the guard, 5 lock not obtained in time.",
    context_settings={
        "help_option_names": ["-h", "--help"],
        # The decorator for it loads rich, which only the help needs.
        "rich_help_config": {"text_paragraph_linebreaks": "\n\n"},
    },
)
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
def app() -> None:
    """Keep every Directus true to git: Alembic before and after, a guarded snapshot push between."""


class _WithCommand(click.RichCommand):
    """Takes a command after --. Click alone would take one without it, and a mistyped argument for a program."""

    def parse_args(self, context: click.Context, given: list[str]) -> list[str]:
        own = given[: given.index("--")] if "--" in given else given
        context.obj = tuple(given[len(own) + 1 :])
        if len(own) + 1 == len(given) and not context.resilient_parsing:
            raise click.UsageError("no command after --", context)
        return super().parse_args(context, own)


@app.command(cls=_WithCommand, options_metavar="[OPTIONS] [-- COMMAND [ARG]...]")
@click.pass_obj
@with_snapshot
@with_mode
@with_approvals
@with_attic
@with_json
def deploy(
    command: tuple[str, ...],
    snapshot: Path | None,
    mode: Mode | None,
    allow_destroy: frozenset[str],
    discard_live: frozenset[str],
    *,
    no_attic: bool,
    as_json: bool,
) -> None:
    """Run the whole line: pre revisions, Directus's own tables, the snapshot, post revisions.

    Uses the Directus at DIRECTUS_URL, or starts a private one from DIRECTUS_HOME for the while. Safe to run
    again, and safe to run many times at once: one works, the others wait.

    With a COMMAND, becomes it once all that went well, as the entrypoint of a container does. It gets the environment
    alone: what comes from .env is not in it.
    """
    from directus_sync.commands import pipeline, pushing  # noqa: PLC0415 - `--help` and `--version` need none of it
    from directus_sync.report import results  # noqa: PLC0415

    if command:
        handover.require(command)
    loaded = _load(snapshot, mode)
    request = pushing.Request(allow_destroy, discard_live, keep=not no_attic)
    if loaded.mode is Mode.DRY_RUN:
        _show_checked(loaded, request, as_json=as_json)
    else:
        done = pipeline.deploy(loaded, request, output.Progress())
        if done.pushed is None:
            output.note("Directus's schema was left alone: DIRECTUS_SCHEMA_APPLY_MODE is skip")
        if as_json:
            output.document(results.deployed_document(done))
        else:
            output.result(results.deployed(done))
    if command:
        handover.become(command)


@app.command()
@with_snapshot
@with_approvals
@click.option("--out", type=FILE, metavar="FILE", help="Save the plan, for push --plan FILE.")
@with_json
def diff(
    snapshot: Path | None,
    allow_destroy: frozenset[str],
    discard_live: frozenset[str],
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show what a push would change in Directus, who changed it, and the rows at risk. Exits 3 when anything would."""
    from directus_sync.commands import pushing  # noqa: PLC0415

    _show_plan(_load(snapshot), pushing.Request(allow_destroy, discard_live), out, as_json=as_json)


@app.command()
@with_snapshot
@with_mode
@with_approvals
@with_attic
@click.option("--plan", type=FILE, metavar="FILE", help="Apply exactly the plan that diff --out saved.")
def push(
    snapshot: Path | None,
    mode: Mode | None,
    allow_destroy: frozenset[str],
    discard_live: frozenset[str],
    plan: Path | None,
    *,
    no_attic: bool,
) -> None:
    """Make Directus equal the snapshot file; refuse what would undo work that nobody captured."""
    loaded = _load(snapshot, mode)
    if plan is not None and loaded.mode is not Mode.AUTO:
        raise WrongSettings(
            "--plan applies a plan, and the mode forbids it", next="use --mode auto, or leave out --plan"
        )
    if plan is not None and (allow_destroy or discard_live):
        raise WrongSettings(
            "--plan applies what was approved when it was saved",
            next="save it anew: directus-sync diff --out PATH --allow-destroy or --discard-live ...",
        )
    if loaded.mode is Mode.SKIP:
        output.result("Nothing pushed: DIRECTUS_SCHEMA_APPLY_MODE is skip")
        return
    if loaded.mode is Mode.DRY_RUN:
        from directus_sync.commands import pushing  # noqa: PLC0415

        _show_plan(loaded, pushing.Request(allow_destroy, discard_live))
        return
    from directus_sync.schema import snapshot as snapshots  # noqa: PLC0415

    reading = snapshots.read(loaded.snapshot, settings.ALEMBIC_TABLES)
    reading.begin()  # before what takes nearly as long to load as a large file to read
    from directus_sync.commands import pipeline, pushing  # noqa: PLC0415
    from directus_sync.report import results  # noqa: PLC0415
    from directus_sync.schema import saved_plan  # noqa: PLC0415

    saved = saved_plan.read(plan) if plan is not None else None
    request = pushing.Request(allow_destroy, discard_live, keep=not no_attic, saved=saved)
    pushed = pipeline.push(loaded, reading, request, output.Progress())
    output.result(f"Pushed {results.changes(pushed)}" if pushed else "Nothing to push: Directus equals the snapshot")


@app.command()
@with_snapshot
@click.option("--overwrite", is_flag=True, help="Overwrite changes of the files that were never pushed or deployed.")
def pull(snapshot: Path | None, *, overwrite: bool) -> None:
    """Write Directus's schema to the snapshot file, byte for byte as Directus exports it; catalog.yaml beside it."""
    from directus_sync.commands import pulling  # noqa: PLC0415
    from directus_sync.report import results  # noqa: PLC0415

    loaded = _load(snapshot)
    pulled = pulling.run(loaded, output.Progress(), overwrite=overwrite)
    if pulled is not None:
        live, changed = pulled
        names = " and ".join(str(path) for path in changed)
        output.result(f"Pulled {results.contents(live)}; commit {names}")
    else:
        output.result(f"Nothing to pull: {loaded.snapshot} equals Directus")


@app.command()
@with_snapshot
def adopt(snapshot: Path | None) -> None:
    """Take over a database that this tool never touched: record what is there as the base."""
    from directus_sync.commands import pipeline  # noqa: PLC0415
    from directus_sync.report import results  # noqa: PLC0415

    adopted = pipeline.adopt(_load(snapshot), output.Progress())
    found = results.contents(adopted.live)
    output.result(f"Adopted {found}" if adopted.recorded else f"Nothing to adopt: {found} are recorded already")
    if adopted.plan:
        output.result(results.plan(adopted.plan))
        output.note(
            "next: directus-sync pull --overwrite takes the server's schema into the file;\n"
            "      directus-sync push makes the server equal the file, and refuses to lose anything"
        )


@app.command()
@with_snapshot
@with_approvals
@with_json
def check(snapshot: Path | None, allow_destroy: frozenset[str], discard_live: frozenset[str], *, as_json: bool) -> None:
    """Compare database and Directus with this checkout. Changes nothing; exits 3 when anything differs."""
    from directus_sync.commands import pushing  # noqa: PLC0415

    request = pushing.Request(allow_destroy, discard_live)
    _show_checked(_load(snapshot), request, as_json=as_json)


@app.command()
@with_snapshot
def prune(snapshot: Path | None) -> None:
    """Take the spent approvals out of removals.yaml: those whose item is in neither file nor server."""
    from directus_sync.commands import pipeline  # noqa: PLC0415

    pruned = pipeline.prune(_load(snapshot), output.Progress())
    output.result(f"Pruned {', '.join(pruned)}; commit it" if pruned else "Nothing to prune")


@app.command()
@click.argument("files", nargs=-1, type=FILE, metavar="[FILE]...", help="[default: snapshots/seeds/*.yaml]")
@with_snapshot
@click.option("--force", is_flag=True, help="Overwrite rows that were edited in Directus.")
@click.option("--dry-run", is_flag=True, help="Change nothing; exit 3 when anything would be.")
@with_json
def seed(files: tuple[Path, ...], snapshot: Path | None, *, force: bool, dry_run: bool, as_json: bool) -> None:
    """Create the rows that belong to the product, where they are missing. A file is written whole or not at all."""
    from directus_sync.commands import pipeline  # noqa: PLC0415
    from directus_sync.report import results  # noqa: PLC0415

    loaded = _load(snapshot)
    dry_run = dry_run or loaded.mode is Mode.DRY_RUN
    done = pipeline.seed(loaded, files, output.Progress(), force=force, dry_run=dry_run)
    if as_json:
        output.document(results.seeded_document(done))
    else:
        output.result(results.seeded(done))
    _exit(3 if dry_run and done.writes else 0)


@app.command()
@with_snapshot
@with_json
def status(snapshot: Path | None, *, as_json: bool) -> None:
    """Show heads, the last deploy, the recorded snapshot and who holds the lock. Needs no Directus."""
    from directus_sync.commands import pipeline  # noqa: PLC0415
    from directus_sync.report import results  # noqa: PLC0415

    found = pipeline.status(_load(snapshot), output.Progress())
    if as_json:
        output.document(results.status_document(found))
    else:
        output.result(results.status(found))


@app.group()
def attic() -> None:
    """List the copies of what was destroyed, put them back, delete them."""


@attic.command("list")
@with_json
def attic_list(*, as_json: bool) -> None:
    """List the copies, the newest first."""
    from directus_sync.commands import pipeline  # noqa: PLC0415
    from directus_sync.report import results  # noqa: PLC0415

    copies = pipeline.attic_list(_load(None), output.Progress())
    if as_json:
        output.document({"copies": [results.copy_document(copy) for copy in copies]})
    else:
        output.result("\n".join(results.copy_line(copy) for copy in copies) or "The attic is empty")


@attic.command("restore")
@click.argument("copy", type=int, metavar="ID", help="The copy, as attic list numbers it.")
@click.option("--over-default", is_flag=True, help="Of a field: also into rows that have the field's default value.")
@with_json
def attic_restore(copy: int, *, over_default: bool, as_json: bool) -> None:
    """Put a copy's rows back into its item, once that exists again. Overwrites nothing; exits 1 if rows don't fit."""
    from directus_sync.commands import pipeline  # noqa: PLC0415
    from directus_sync.report import results  # noqa: PLC0415

    restored = pipeline.attic_restore(_load(None), copy, output.Progress(), over_default=over_default)
    if as_json:
        output.document(results.restored_document(restored))
    else:
        output.result(results.restored(restored))
    _exit(1 if restored.rejected else 0)


@attic.command("purge")
@click.option("--older-than", required=True, metavar="AGE", help="Such as 90d, 12h or 4w; 0d deletes every copy.")
def attic_purge(older_than: str) -> None:
    """Delete copies for good."""
    from directus_sync.commands import pipeline  # noqa: PLC0415
    from directus_sync.report import results  # noqa: PLC0415

    purged = pipeline.attic_purge(_load(None), results.age(older_than), output.Progress())
    for copy in purged:
        output.note(f"Purged {results.copy_line(copy)}")
    output.result(f"Purged {output.count(len(purged), 'copy', 'copies')}")


@app.command()
def wait() -> None:
    """Return when PostgreSQL and, where DIRECTUS_URL is set, Directus answer."""
    from directus_sync.commands import pipeline  # noqa: PLC0415

    pipeline.wait(_load(None), output.Progress())


@app.command()
@click.argument("shell", type=click.Choice(tuple(SHELLS)), metavar="SHELL", help="bash, zsh or fish.")
def completion(shell: str) -> None:
    """Print what completes commands and options in a shell; in bash: eval "$(directus-sync completion bash)"."""
    output.result(SHELLS[shell](app, {}, NAME, COMPLETION).source())


def _load(snapshot: Path | None, mode: Mode | None = None) -> Settings:
    loaded = settings.load()
    output.hide(loaded.secrets)
    return dataclasses.replace(loaded, snapshot=snapshot or loaded.snapshot, mode=mode or loaded.mode)


def _show_checked(loaded: Settings, request: Request, *, as_json: bool) -> None:
    from directus_sync.commands import pipeline  # noqa: PLC0415
    from directus_sync.report import results  # noqa: PLC0415

    checked = pipeline.check(loaded, request, output.Progress())
    if as_json:
        output.document(results.checked_document(checked))
    else:
        output.result(results.checked(checked, in_colour=sys.stdout.isatty()))
    _exit(0 if checked.equal else 3)


def _show_plan(loaded: Settings, request: Request, out: Path | None = None, *, as_json: bool = False) -> None:
    from directus_sync.commands import pipeline  # noqa: PLC0415
    from directus_sync.report import results  # noqa: PLC0415

    judged = pipeline.plan(loaded, request, output.Progress(), out)
    if as_json:
        output.document(results.plan_document(judged))
    elif judged:
        output.result(results.plan(judged, in_colour=sys.stdout.isatty()))
    else:
        output.result("Nothing differs: Directus equals the snapshot")
    _exit(3 if judged else 0)


def _exit(code: int) -> None:
    if code:
        sys.exit(code)
