"""The command line as a user sees it: exit code, stdout and stderr."""

from __future__ import annotations

import gc
import importlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from directus_sync import __main__ as program
from directus_sync import __version__, cli, errors, output, settings
from directus_sync.catalog.upkeep import Verified
from directus_sync.errors import RefusedPlan, SyncError
from directus_sync.report.outcome import Checked, Compared, Deployed, Seeded, Status
from directus_sync.schema import diff
from directus_sync.schema.plan import Plan
from directus_sync.seed import Action
from directus_sync.seed.planning import FieldEdit, PlannedRow
from directus_sync.seed.rows import rows
from directus_sync.settings import Settings
from directus_sync.state.history import Deploy
from directus_sync.steps import comparing
from tests import pages
from tests.seeds import KNOWN, a_file
from tests.versions import revision

Planned = Callable[..., Plan]
Output = pytest.CaptureFixture[str]
Run = Callable[..., int]

COMMANDS = list(cli.COMMANDS)
HEAVY = ("alembic", "sqlalchemy", "httpx", "yaml", "psycopg2")


NO_SERVER = {"DB_HOST": "127.0.0.1", "DB_PORT": "1", "DB_DATABASE": "d", "DB_USER": "u"}


def process(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a new process with only these variables."""
    return subprocess.run(
        [sys.executable, "-m", "directus_sync", *arguments],
        env={"PATH": os.environ["PATH"], "COLUMNS": "200", **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, load: Callable[..., Settings]) -> Run:
    """Return a function that runs the command in this process and returns its exit code."""
    loaded = load(DIRECTUS_URL="http://directus.example:8055")
    monkeypatch.setattr(settings, "load", lambda: loaded)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(gc, "set_threshold", lambda *_: None)

    def command(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["directus-sync", *arguments])
        with pytest.raises(SystemExit) as caught:
            program.main()
        assert isinstance(caught.value.code, int)
        return caught.value.code

    return command


@pytest.fixture
def returning(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    """Return a function that makes a command return a value, or raise it if it is an exception."""

    def set_value(name: str, value: object) -> None:
        def replaced(*_: object, **__: object) -> object:
            if isinstance(value, BaseException):
                raise value
            return value

        shared = {"diff": (comparing, "compare"), "check": (comparing, "check")}
        module, function = shared.get(name) or (importlib.import_module(f"directus_sync.commands.{name}"), "run")
        monkeypatch.setattr(module, function, replaced)

    return set_value


Returning = Callable[[str, object], None]


# Help and usage


def shown(*arguments: str) -> str:
    """Return the output without colours, which CI turns on."""
    done = CliRunner().invoke(cli.app, arguments, env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    return click.unstyle(done.stdout)


def test_help_lists_every_command_and_every_exit_code() -> None:
    text = shown("--help")
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", text)
    for code in range(6):
        assert re.search(rf"\b{code} [a-z]", text)


def test_the_version_is_printed_without_loading_heavy_modules() -> None:
    program = (
        "import os, sys\n"
        "sys.argv = ['directus-sync', '--version']\n"
        "from directus_sync.__main__ import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == (f"directus-sync {__version__}\n", "[]\n")


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stdout_or_stderr_is_not_a_failure(closed: int) -> None:
    command = f'exec "$0" -m directus_sync --version {closed}>&-'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_deploy_does_not_load_alembic_or_the_seeds_at_its_start() -> None:
    # httpx's command line, which a deploy does not need, imports pygments and rich.
    others = {"alembic", "sqlalchemy", "directus_sync.seed.planning", "pygments", "rich.syntax"}
    program = f"import sys\nfrom directus_sync.commands import deploy, push\nprint({others} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "set()\n"


def test_the_help_of_an_option_names_its_default() -> None:
    text = shown("push", "--help")
    assert "[default: snapshots/schema.yaml]" in text
    assert "DIRECTUS_SCHEMA_APPLY_MODE, else auto]" in text


@pytest.fixture(scope="module")
def bash() -> str:
    """Return the completion script for bash."""
    return process("completion", "bash").stdout


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["pu"], "push pull"),
        (["attic", "re"], "restore"),
        (["deploy", "--mode", "d"], "dry-run"),
        (["push", "--no"], "--no-attic"),
        (["deploy", "--", ""], ""),
        # Ids of the snapshot, also after a comma.
        (["diff", "--allow-destroy", "vehicles.pl"], "vehicles.plate"),
        (["diff", "--allow-destroy", "devices,vehicles.pl"], "devices,vehicles.plate"),
    ],
)
def test_bash_completes_commands_options_and_values(bash: str, words: list[str], completed: str) -> None:
    typed = f"COMP_WORDS=(directus-sync {shlex.join(words)}); COMP_CWORD={len(words)}\n"
    asked = f'{bash}{typed}_directus_sync_completion directus-sync; echo "${{COMPREPLY[@]}}"'
    environ = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **NO_SERVER}
    done = subprocess.run(["bash", "-c", asked], env=environ, capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == sorted(completed.split())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_their_own_completion_script(shell: str) -> None:
    done = process("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{shell}_complete" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["destroy"],
        ["diff", "--unknown"],
        ["diff", "extra"],
        ["push", "--mode", "force"],
        ["completion", "bash", "--json"],
        ["diff", "--snapshot"],
        # A command after deploy needs `--` before it.
        ["deploy", "test", "--mode", "dry-run"],
        ["deploy", "--json", "diff"],
        ["deploy", "--"],
    ],
)
def test_wrong_usage_exits_2_with_an_error_on_stderr(run: Run, capsys: Output, arguments: list[str]) -> None:
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Error" in err


def test_a_call_without_a_command_shows_the_help_and_exits_2(run: Run, capsys: Output) -> None:
    assert run() == 2
    assert "deploy" in "".join(capsys.readouterr())


# Exit codes


def errors_of_the_tree() -> list[type[SyncError]]:
    found = [SyncError]
    for kind in found:
        found += [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return found


@pytest.mark.parametrize("kind", errors_of_the_tree(), ids=lambda kind: kind.__name__)
def test_an_error_sets_its_exit_code_and_prints_a_message_on_stderr(
    run: Run, returning: Returning, capsys: Output, kind: type[SyncError]
) -> None:
    # The id of a refused plan is that of the rule that refused it.
    given = {"id": "conflict", "where": ""} if kind is RefusedPlan else {}
    for option in ((), ("--json",)):
        returning("diff", kind("it broke", next="fix it", **given))
        assert run("diff", *option) == kind.exit_code
        name = given.get("id", kind.id)
        assert capsys.readouterr() == ("", f"error[{name}]: it broke\n  next:  fix it\n")


def test_a_secret_in_a_message_is_hidden(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text("hunter22: 1\n", encoding="utf-8")
    done = process("diff", "--snapshot", str(path), **NO_SERVER, DB_PASSWORD="hunter22")
    assert "unknown key '***'" in done.stderr
    assert "hunter22" not in done.stdout + done.stderr


# Output of the commands

EMPTY = Plan(diff.NO_DIFFERENCE)
PRE = revision("pre_0001_create")
DONE = Deployed((PRE,), bootstrapped=True, pushed=EMPTY, post=(), verified=Verified(), seconds=14.24)
EQUAL = Checked({"pre": (), "post": ()}, bootstrap=False, plan=EMPTY)
PENDING = Checked({"pre": (PRE,), "post": ()}, bootstrap=False, plan=EMPTY)
STATUS = Status(
    database="h:5432/d",
    heads={"pre": ("pre_0001", "pre_0001"), "post": (None, "post_0001")},
    lock_holder=None,
    deploy=Deploy(
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        timedelta(seconds=2),
        "box",
        "a",
        "b",
        "11.17.4",
        "f" * 64,
        1,
        2,
        [],
        [],
    ),
    snapshot_sha256="f" * 64,
    recorded_sha256=None,
)


@pytest.mark.parametrize(
    ("command", "found", "code", "shown"),
    [
        ("diff", Compared(EMPTY), 0, r"Nothing differs: Directus equals the snapshot\n"),
        ("check", PENDING, 3, r"pre: 1 revision pending \(pre_0001\)\n.*\n"),
        ("deploy", DONE, 0, r"Deployed in 14.2 s.*\n"),
    ],
)
def test_a_command_prints_its_result_on_stdout(
    run: Run, returning: Returning, capsys: Output, command: str, found: object, code: int, shown: str
) -> None:
    returning(command, found)
    assert run(command) == code
    out, err = capsys.readouterr()
    assert re.fullmatch(shown, out)
    assert err == ""


def test_a_diff_exits_3_and_shows_the_plan(run: Run, returning: Returning, planned: Planned, capsys: Output) -> None:
    returning("diff", Compared(planned("field_added")))
    assert run("diff") == 3
    assert capsys.readouterr().out.startswith("Plan: 1 to add, 0 to change, 0 to remove\n  + country.iso")


@pytest.mark.parametrize(("found", "code"), [(EQUAL, 0), (PENDING, 3)])
def test_a_dry_run_of_a_deploy_is_a_check(run: Run, returning: Returning, found: Checked, code: int) -> None:
    returning("deploy", AssertionError("a dry run deploys nothing"))
    returning("check", found)
    assert run("deploy", "--mode", "dry-run") == code


def test_a_dry_run_of_a_push_is_a_diff_and_mode_skip_pushes_nothing(
    run: Run, returning: Returning, planned: Planned, capsys: Output
) -> None:
    returning("push", AssertionError("neither pushes anything"))
    returning("diff", Compared(planned("field_added")))
    assert run("push", "--mode", "dry-run") == 3
    capsys.readouterr()
    assert run("push", "--mode", "skip") == 0
    assert "skip" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--allow-destroy", "--discard-live"])
def test_a_saved_plan_cannot_be_combined_with_other_approvals(
    run: Run, returning: Returning, capsys: Output, option: str
) -> None:
    returning("push", AssertionError("it can't be approved so"))
    assert run("push", "--plan", "plan.json", option, "events.notes") == 2
    assert "--plan applies the plan as it was saved" in capsys.readouterr().err


def seeded(*actions: Action, dry_run: bool = False) -> Seeded:
    """Return the result of a seed with one row for each action."""
    (row,) = rows([a_file("clubs:\n- slug: a")], KNOWN)
    edited = {Action.UPDATE, Action.OVERWRITE, Action.LEAVE}
    judged = [
        PlannedRow(
            row, action, edits=(FieldEdit("name", "a", "b", left=action is Action.LEAVE),) if action in edited else ()
        )
        for action in actions
    ]
    return Seeded(tuple(("a.yaml", item) for item in judged), dry_run, seconds=0.1)


@pytest.mark.parametrize(
    ("done", "code", "shown"),
    [
        (seeded(Action.NONE, Action.NONE), 0, "Nothing to seed: 2 rows there already (100 ms)\n"),
        (
            seeded(Action.NONE, Action.LEAVE),
            0,
            "  ~ clubs a  name: a -> b; edited in Directus, left alone\n"
            "Nothing to seed: 2 rows there already, 1 edited in Directus and left alone (--force overwrites)"
            " (100 ms)\n",
        ),
        (
            seeded(Action.CREATE, Action.CREATE, Action.OVERWRITE),
            0,
            "  + clubs  2 rows\n  ~ clubs a  name: a -> b\nSeeded in 100 ms: 2 created, 1 overwritten\n",
        ),
        (
            seeded(Action.UPDATE),
            0,
            "  ~ clubs a  name: a -> b\nSeeded in 100 ms: 0 created, 1 updated, 0 overwritten\n",
        ),
        (seeded(Action.CREATE, dry_run=True), 3, "  + clubs  1 row\nSeed: 1 to create, 0 to overwrite\n"),
        (seeded(Action.NONE, dry_run=True), 0, "Nothing to seed: 1 row there already (100 ms)\n"),
    ],
)
def test_a_seed_reports_what_it_did_with_the_rows(
    run: Run, returning: Returning, capsys: Output, done: Seeded, code: int, shown: str
) -> None:
    returning("seed", done)
    assert run("seed", *(["--dry-run"] if done.dry_run else [])) == code
    assert capsys.readouterr().out == shown


RESULTS: list[tuple[str, str, object, int]] = [
    ("seed", "seed", seeded(Action.CREATE), 0),
    ("deploy", "deploy", DONE, 0),
    ("diff", "diff", Compared(EMPTY), 0),
    ("check", "check", EQUAL, 0),
    ("check", "check", PENDING, 3),
    ("status", "status", STATUS, 0),
]


@pytest.mark.parametrize("case", RESULTS, ids=lambda case: f"{case[0]}-exits-{case[3]}")
def test_the_option_json_prints_nothing_but_json_on_stdout(
    run: Run, returning: Returning, capsys: Output, case: tuple[str, str, object, int]
) -> None:
    command, function, value, code = case
    returning(function, value)
    assert run(command, "--json") == code
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == 1


# Input of the commands


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Return the list of the arguments of each call of `diff`."""
    calls: list[tuple[Any, ...]] = []

    def plan(*arguments: Any) -> Compared:
        calls.append(arguments)
        return Compared(EMPTY)

    monkeypatch.setattr(comparing, "compare", plan)
    return calls


def test_the_snapshot_option_replaces_the_default(run: Run, called: list[tuple[Any, ...]], tmp_path: Path) -> None:
    run("diff", "--snapshot", str(tmp_path / "other.yaml"))
    run("diff")
    assert [loaded.snapshot for loaded, *_ in called] == [
        tmp_path / "other.yaml",
        settings.ROOT / "snapshots" / "schema.yaml",
    ]


def test_ids_can_be_separated_by_commas_or_given_in_several_options(run: Run, called: list[tuple[Any, ...]]) -> None:
    run("diff", "--allow-destroy", "events, classes", "--allow-destroy", "a.b", "--discard-live", ",entries,")
    ((_, request, *_),) = called
    assert set(request.destroy) == {"events", "classes", "a.b"}
    assert set(request.discard) == {"entries"}


def all_commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in cli.COMMANDS:
        command = cli.app.get_command(click.Context(cli.app), name)
        inner = command.commands if isinstance(command, click.Group) else None
        found += [(name, each) for each in inner] if inner is not None else [(name,)]
    return found


WRITES = {"deploy", "push", "pull", "adopt", "prune", "seed", "restore", "purge"}


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_every_command_has_the_common_options(words: tuple[str, ...]) -> None:
    text = shown(*words, "--help")
    assert words[-1] in text
    assert shown(*words, "-h") == text
    # Completion prints a script for the shell, not a document.
    assert ("--json" in text) == (words != ("completion",))
    described = re.search(rf"`directus-sync {' '.join(words)} [^`]*--json", pages.read("docs/json.md"))
    assert (described is not None) == ("--json" in text), "describe the document in docs/json.md"
    assert ("--dry-run" in text) == (words[-1] in WRITES)
    # Only a seed can be forced.
    assert ("--force" in text) == (words == ("seed",))
    assert ("--yes" in text) == (words in {("adopt",), ("attic", "purge")})
    assert "--quiet" in text
    assert "--verbose" in text


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet_prints_results_and_errors_only(
    run: Run, returning: Returning, capsys: Output, monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    for arguments in (("-q", "deploy", "--mode", "skip"), ("deploy", "--mode", "skip", "-q")):
        monkeypatch.setattr(output, "_quiet", False)
        given = [word for word in arguments if quiet or word != "-q"]
        returning("deploy", replace(DONE, pushed=None))
        assert run(*given) == 0
        assert ("Nothing was pushed" in capsys.readouterr().err) is not quiet
        returning("deploy", errors.InvalidSnapshot("it broke"))
        assert run(*given) == 4
        assert capsys.readouterr().err.endswith("error[invalid-snapshot]: it broke\n")


def test_a_command_that_make_started_gives_hints_for_make(
    run: Run, returning: Returning, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRECTUS_SYNC_MAKE", "migrate")
    steps = "directus-sync pull --overwrite\nrun again with --mode skip"
    returning("deploy", errors.InvalidSnapshot("it broke", next=steps))
    assert run("deploy") == 4
    ways = 'next:  make pull ARGS="--overwrite"\n         make migrate ARGS="--mode skip"\n'
    assert capsys.readouterr().err.endswith(ways)
    output.result("next: directus-sync deploy brings it")
    assert capsys.readouterr().out == "next: make migrate brings it\n"


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], coloured: bool) -> None:
    for name, value in ({"NO_COLOR": "", "TERM": "xterm"} | variables).items():
        monkeypatch.setenv(name, value)
    assert settings.wants_colour() is coloured
