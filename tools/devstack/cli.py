"""The command line of `python -m tools.devstack`. Owns verbs, help and exit codes."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from tools.devstack import directus_home, environment, extension, host, postgres_tree
from tools.devstack.errors import UNSUITABLE, StackError
from tools.devstack.node import node
from tools.devstack.progress import say
from tools.devstack.stack import INSTANCES, Stack
from tools.devstack.state import ADMIN_EMAIL

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "python -m tools.devstack"

DESCRIPTION = """\
PostgreSQL 17 with TimescaleDB and PostGIS, and Directus, on this machine without Docker.

  python -m tools.devstack run -- COMMAND     run COMMAND with the stack's database, started if needed
  python -m tools.devstack up                 start both servers; make migrate must have run before
  eval "$(python -m tools.devstack env)"      set the stack's settings in this shell, and its psql and node on PATH
"""
EPILOG = """\
Programs are built once per user in ${XDG_CACHE_HOME:-~/.cache}/trm-directus; data, logs, ports and secrets
are in .stack/<instance>. Exit status: 0 done, 1 failed, 2 wrong usage or something is missing on this machine.
"""


Verb = Callable[[Stack, argparse.Namespace], int]


def main(arguments: Sequence[str]) -> int:
    """Run one verb and return the exit status."""
    # Clean up after SIGTERM as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _parser().parse_args(arguments)
    verb: Verb = options.verb
    try:
        return verb(Stack(ROOT, options.instance), options)
    except StackError as error:
        say(str(error))
        return error.code
    except PermissionError as error:
        say(str(StackError(f"{error.filename}: permission denied", "run this as the file's owner")))
        return UNSUITABLE
    except KeyboardInterrupt:
        say("interrupted; run it again to continue")
        return 130


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(PROGRAM, description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    def add(name: str, verb: Verb, about: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=about, description=about)
        added.add_argument("--instance", choices=INSTANCES, default="dev", help="which stack (default: dev)")
        added.set_defaults(verb=verb)
        return added

    up = add("up", _up, "start PostgreSQL and Directus, and print where to log in")
    up.add_argument("--database-only", action="store_true", help="start only PostgreSQL")
    add("down", _down, "stop the servers; keep the data")
    status = add("status", _status, "show which servers run")
    status.add_argument("--json", action="store_true", help="print JSON")
    reset = add("reset", _reset, "stop the stack and delete its data")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    add("env", _env, "print the stack's settings, secrets included, as shell assignments")
    run = add("run", _run, "run a command with the stack's database, or with your own if DB_HOST is set")
    run.add_argument("--stack-only", action="store_true", help="do nothing if DB_HOST is set")
    run.add_argument("--no-start", action="store_true", help="do nothing if the stack's database does not run")
    run.add_argument("command", nargs="+", metavar="COMMAND", help="after --")
    own = add("extension", _extension, "run a program of the extension's packages, such as its tests, in its folder")
    own.add_argument("command", nargs="+", metavar="COMMAND", help="after --")
    install = add("install", _install, "build PostgreSQL and the extension, install Directus, start nothing")
    install.add_argument("--for-tests", action="store_true", help="also install what some tests need, if possible")
    return parser


def _up(stack: Stack, options: argparse.Namespace) -> int:
    if _works_elsewhere(stack):
        raise StackError(
            "DB_HOST or DB_CONNECTION_STRING names another database than the local stack's",
            "start a Directus on that database yourself, or remove the variable from the environment and .env",
            UNSUITABLE,
        )
    if options.database_only:
        stack.up_database()
    else:
        stack.up_directus()
        password = stack.state.secrets()["ADMIN_PASSWORD"]
        say(f"Directus: {stack.directus.url}  log in as {ADMIN_EMAIL} / {password}")
    return 0


def _down(stack: Stack, _: argparse.Namespace) -> int:
    if not stack.down():
        say("Nothing was running.")
    return 0


def _status(stack: Stack, options: argparse.Namespace) -> int:
    status = stack.status()
    if options.json:
        listed = {name: asdict(server) for name, server in status.items()}
        sys.stdout.write(json.dumps({"instance": stack.instance, **listed}, indent=2) + "\n")
        return 0
    for name, server in status.items():
        state = f"running at {server.address} (pid {server.pid})" if server.running else "not running"
        sys.stdout.write(f"{name:9} {state}; log: {server.log}\n")
    return 0


def _reset(stack: Stack, options: argparse.Namespace) -> int:
    if not stack.state.folder.is_dir():
        say("There is nothing to delete.")
        return 0
    if not options.yes:
        if not sys.stdin.isatty():
            raise StackError("reset deletes all data of this stack", "add --yes", UNSUITABLE)
        say(f"This deletes all data in {stack.state.folder}. Type yes to go on:")
        if sys.stdin.readline().strip() != "yes":
            say("Nothing was deleted.")
            return 1
    stack.reset()
    return 0


def _env(stack: Stack, options: argparse.Namespace) -> int:
    if not stack.state.exists:
        raise StackError(
            f"the {stack.instance} stack was never started",
            f"{PROGRAM} up --database-only --instance {options.instance}",
            UNSUITABLE,
        )
    sys.stdout.write(environment.shell_lines(stack.environment()))
    return 0


def _run(stack: Stack, options: argparse.Namespace) -> int:
    environ = dict(os.environ)
    if not _works_elsewhere(stack):
        if options.no_start:
            if stack.database.running() is None:
                return 0
        else:
            directus_home.directus_home(stack.root)
            stack.up_database()
        settings = stack.environment()
        if environ.get("DIRECTUS_URL") == stack.directus.url:
            # The shell got the address from `env`, but that Directus may have stopped since.
            del environ["DIRECTUS_URL"]
    elif options.stack_only:
        return 0
    elif environment.named(stack.root, environ, *environment.OWN_DIRECTUS):
        settings = {}
    else:
        # The user named a database, but no Directus.
        home = directus_home.directus_home(stack.root)
        settings = {"DIRECTUS_HOME": str(home), "PATH": environment.search_path(node().parent)}
    try:
        os.execvpe(options.command[0], options.command, {**environ, **settings})  # noqa: S606 - what the user asked to run, without a shell
    except FileNotFoundError as error:
        raise StackError(f"no such command: {options.command[0]}", "check the name and PATH") from error


def _extension(stack: Stack, options: argparse.Namespace) -> int:
    programs = extension.develop(stack.root)
    program, *rest = options.command
    os.chdir(stack.root / extension.FOLDER)
    settings = {"PATH": environment.search_path(node().parent)}
    try:
        os.execve(programs / program, [program, *rest], {**os.environ, **settings})  # noqa: S606 - what the user asked to run
    except FileNotFoundError as error:
        raise StackError(f"the extension's packages have no program {program}", "check the name") from error


def _works_elsewhere(stack: Stack) -> bool:
    """Return whether the environment or .env names another database than the stack's."""
    names = ["DB_CONNECTION_STRING"] if stack.is_named_by(os.environ) else environment.OWN_DATABASE
    return environment.named(stack.root, os.environ, *names)


def _install(stack: Stack, options: argparse.Namespace) -> int:
    root = stack.root
    for path in (postgres_tree.postgres_tree(), directus_home.directus_home(root), extension.built(root)):
        sys.stdout.write(f"{path}\n")
    if options.for_tests:
        try:
            host.require_for_tests()
        except StackError as error:
            # Tests that need a missing program are skipped with a reason.
            say(f"note: {error.what}\n  next: {error.next_step}")
    return 0
