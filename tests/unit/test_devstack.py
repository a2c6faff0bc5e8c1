"""The local stack without network, PostgreSQL or Directus: cache, processes, ports, environment, advice."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.devstack import cache, cli, environment, extension, host, locks, packages, ports, unprivileged
from tools.devstack.cache import Artefact, Build
from tools.devstack.directus import Directus
from tools.devstack.directus_home import artefact as directus_artefact
from tools.devstack.errors import StackError
from tools.devstack.process import Process, start, wait_for
from tools.devstack.stack import Stack
from tools.devstack.state import POSTGRES, State

ROOT = Path(__file__).resolve().parents[2]
# A stand-in for Directus that answers with its NAME. With AFTER, it listens 0.5 s after that port is in use.
STAND_IN = """
const {createServer} = require('http')
const {connect} = require('net')
const {HOST, PORT, NAME, AFTER} = process.env
const server = createServer((request, answer) => answer.end(request.url === '/server/ping' ? 'pong' : NAME))
server.on('error', error => { console.log(error.code); process.exit(1) })
const listen = () => server.listen(Number(PORT), HOST)
const wait = () => connect(Number(AFTER), HOST)
  .on('connect', () => setTimeout(listen, 500)).on('error', () => setTimeout(wait, 20))
AFTER ? wait() : listen()
"""


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "trm-directus"


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path, "dev")
    made.create()
    return made


@pytest.fixture
def sleeper() -> Iterator[Process]:
    with subprocess.Popen(["sleep", "60"]) as child:
        process = Process.of(child.pid)
        assert process is not None
        yield process
        child.kill()


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return a function that runs the command line on a checkout in tmp_path."""
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return lambda *arguments: cli.main(arguments)


def artefact(recipe: Callable[[Build], None], **inputs: str) -> Artefact:
    return Artefact("part", "the part", {"a": "1", **inputs}, recipe, prepare=lambda: None)


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_cache_that_others_may_write_to_is_refused(mode: int) -> None:
    part = artefact(lambda build: (build.work / "program").touch())
    built = part.ensure()
    built.parent.chmod(mode)
    with pytest.raises(StackError, match="other users can write to the cache"):
        part.ensure()


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix not in {".lock", ".log"})


# The cache


def test_the_key_of_a_cached_part_changes_with_each_of_its_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("docker/directus", packages.PNPM):
        (tmp_path / folder).mkdir(parents=True)
        for source in (ROOT / folder).glob("*.[jy]*"):
            (tmp_path / folder / source.name).write_bytes(source.read_bytes())
    keys = [directus_artefact(tmp_path).path]
    assert keys == [directus_artefact(tmp_path).path]
    for name in ("package.json", "pnpm-lock.yaml", "../../tools/devstack/pnpm/package-lock.json"):
        with (tmp_path / "docker/directus" / name).open("a") as file:
            file.write("\n")
        keys.append(directus_artefact(tmp_path).path)
    # The key also depends on where a value ends, and on the folder of the cache, because programs contain its path.
    keys += [artefact(lambda _: None, b="x\0c\0\0y").path, artefact(lambda _: None, b="x", c="y").path]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "moved"))
    keys.append(artefact(lambda _: None, b="x", c="y").path)
    assert len({path.name for path in keys}) == len(keys)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.folder() == Path.home() / ".cache" / "trm-directus"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_an_interrupted_or_killed_build_leaves_nothing_behind(cache_folder: Path, failure: type[BaseException]) -> None:
    def interrupted(build: Build) -> None:
        (build.work / "half").touch()
        raise failure

    with pytest.raises(failure):
        artefact(interrupted).ensure()
    assert leftovers(cache_folder) == []
    part = artefact(lambda build: (build.work / "whole").touch())
    (cache_folder / f".{part.path.name}.of-a-killed-one").mkdir()
    assert [path.name for path in part.ensure().iterdir()] == ["whole"]
    assert leftovers(cache_folder) == [part.path.name]


def test_two_simultaneous_builds_of_a_part_build_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    builds: list[int] = []
    entered, waits = threading.Event(), threading.Event()

    def slow(_: Build) -> None:
        builds.append(1)
        entered.set()
        waits.wait(10)

    monkeypatch.setattr(locks, "say", lambda _: waits.set())
    # flock locks file descriptors, so two threads compete like two processes.
    first, second = (threading.Thread(target=artefact(slow).ensure) for _ in range(2))
    first.start()
    assert entered.wait(10)
    second.start()
    for thread in (first, second):
        thread.join(10)
    assert waits.is_set()
    assert builds == [1]


def test_the_commands_of_an_interrupted_build_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # If a shell started the tests in the background, they ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    noted = tmp_path / "pid"

    def interrupt() -> None:
        wait_for(lambda: noted.exists() and noted.read_text().endswith("\n"), 10)
        os.kill(os.getpid(), signal.SIGINT)

    def recipe(build: Build) -> None:
        threading.Thread(target=interrupt).start()
        build.run(["sh", "-c", f"sleep 60 & echo $! >'{noted}'; wait"])

    with pytest.raises(KeyboardInterrupt):
        artefact(recipe).ensure()
    signal.signal(signal.SIGINT, before)
    assert wait_for(lambda: Process.of(int(noted.read_text())) is None, 5)


def test_a_failed_build_shows_its_log_and_advice(capsys: pytest.CaptureFixture[str]) -> None:
    part = artefact(lambda build: build.run(["sh", "-c", "echo no network; exit 3"]))
    with pytest.raises(StackError, match=r"sh ended with status 3 \(full log: .*\.log\)") as raised:
        part.ensure()
    assert raised.value.code == 1
    assert "docker compose --env-file .env -f docker/compose.dev.yaml up --build" in str(raised.value)
    assert "  | no network" in capsys.readouterr().err


# Processes and state


def test_a_process_that_reuses_a_known_id_is_not_killed(sleeper: Process) -> None:
    for recycled in (
        Process(sleeper.pid, sleeper.started - 1, sleeper.boot),
        Process(sleeper.pid, sleeper.started, "another boot"),
    ):
        assert not recycled.alive
        recycled.stop()
    assert sleeper.alive


def test_stop_kills_a_process_that_ignores_sigterm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.devstack.process.GRACE", 0.1)
    recorded: list[Process] = []
    command = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]
    stubborn = start(command, log=tmp_path / "log", cwd=tmp_path, env=os.environ, record=recorded.append)
    assert recorded == [stubborn]
    assert os.getsid(stubborn.pid) == stubborn.pid
    assert wait_for(lambda: "ready" in (tmp_path / "log").read_text(), 10)
    stubborn.stop(signal.SIGTERM)
    assert not stubborn.alive


def test_the_state_forgets_a_dead_process_and_keeps_its_port(state: State, sleeper: Process) -> None:
    (state.folder / "state.json").write_text('{"postgres": ')
    assert state.port(POSTGRES) is None
    state.remember(POSTGRES, 1234, sleeper)
    assert state.process(POSTGRES) == sleeper
    os.kill(sleeper.pid, 9)
    sleeper.stop()
    assert state.process(POSTGRES) is None
    assert state.port(POSTGRES) == 1234


def test_secrets_are_all_different_kept_and_readable_by_the_owner_only(state: State) -> None:
    known = state.secrets()
    assert state.secrets() == known
    assert len(set(known.values())) == len(known)
    assert stat.S_IMODE((state.folder / "secrets.json").stat().st_mode) == 0o600


# Ports


def test_a_remembered_port_is_used_again_unless_it_is_taken() -> None:
    with socket.socket() as other:
        other.bind((ports.HOST, 0))
        port = other.getsockname()[1]
        other.listen()
        chosen = ports.choose(port, None)
        assert chosen != port
        assert chosen in ports.RANGE
    assert ports.choose(None, port) == port


@pytest.mark.slow
def test_two_checkouts_that_start_at_once_each_use_their_own_directus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find the preferred port free. The slow one must not mistake the quick one's answers for its own."""
    (tmp_path / "cli.js").write_text(STAND_IN)
    wanted, choose = ports.choose(), ports.choose
    both_chose = threading.Barrier(2)

    def choose_together(*candidates: int | None) -> int:
        port = choose(*candidates)
        if port == wanted:
            both_chose.wait(10)
        return port

    monkeypatch.setattr(ports, "choose", choose_together)
    stacks = {name: Directus(State(tmp_path / name, "dev"), preferred_port=wanted) for name in ("quick", "slow")}
    for name, stack in stacks.items():
        (tmp_path / name).mkdir()
        stack.state.create()
    after = {"quick": "", "slow": str(wanted)}
    threads = [
        threading.Thread(target=stack.up, args=(tmp_path, {"NAME": name, "AFTER": after[name]}))
        for name, stack in stacks.items()
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        answers = {name: urllib.request.urlopen(stack.url).read().decode() for name, stack in stacks.items()}
        assert answers == {"quick": "quick", "slow": "slow"}
        assert stacks["quick"].url.endswith(f":{wanted}")
        # A later check also recognises another checkout's Directus.
        slow = stacks["slow"]
        slow.state.remember("directus", wanted, slow.running())
        assert slow.running() is None
    finally:
        stopped = [stack.down() for stack in stacks.values()]
    assert stopped == [True, True]


# The environment


def test_printed_settings_are_safe_in_a_shell(tmp_path: Path) -> None:
    for value in ("it's", '$(touch x) `y` "z" \\', "line\nbreak", ""):
        script = environment.shell_lines({"NAME": value}) + 'printf %s "$NAME"'
        done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == value
    assert list(tmp_path.iterdir()) == []


def test_a_database_in_the_env_file_or_environment_is_the_user_s_own(tmp_path: Path) -> None:
    def is_own(text: str, **environ: str) -> bool:
        (tmp_path / ".env").write_text(text)
        return environment.named(tmp_path, environ, *environment.OWN_DATABASE)

    for own in ("DB_HOST=db", "  export DB_HOST = 'db'", "X=1\nDB_CONNECTION_STRING=postgres://u@h/d\n"):
        assert is_own(own)
    for other in ("DB_HOST=''", "DB_HOST= # not yet", 'DB_HOST="" # none', "# DB_HOST=db", "MY_DB_HOST=db"):
        assert not is_own(other)
        assert is_own(other, DB_HOST="db")


# Missing packages and rights


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = tmp_path / "os-release"
    release.write_text('NAME="Debian"\nID=debian\n')
    monkeypatch.setattr(host, "OS_RELEASE", release)
    monkeypatch.setattr("shutil.which", lambda name: None if name in {"mmdebstrap", "chromium"} else f"/bin/{name}")


@pytest.mark.usefixtures("debian")
def test_root_installs_missing_packages_and_other_users_get_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(host, "_apt", lambda command, _: ran.append(" ".join(command)))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    host.require(files={})
    assert ran == ["apt-get update", "apt-get install -y --no-install-recommends mmdebstrap"]

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(StackError) as raised:
        host.require(files={tmp_path / "zoneinfo": "tzdata"})
    install = "apt-get install -y --no-install-recommends mmdebstrap tzdata"
    assert (raised.value.next_step, raised.value.code) == (f"sudo apt-get update && sudo {install}", 2)

    (tmp_path / "os-release").write_text("ID=fedora\n")
    with pytest.raises(StackError, match="only on Debian and Ubuntu") as raised:
        host.require(files={})
    assert "docker compose" in raised.value.next_step


@pytest.mark.usefixtures("debian")
def test_an_install_continues_without_the_packages_of_some_tests(
    in_tmp: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("tools.devstack.postgres_tree.postgres_tree", lambda: tmp_path)
    monkeypatch.setattr("tools.devstack.directus_home.directus_home", lambda _: tmp_path)
    monkeypatch.setattr("tools.devstack.extension.built", lambda _: tmp_path)
    assert in_tmp("install", "--for-tests") == 0
    assert capsys.readouterr().err == (
        "note: `make test` needs chromium, which only an administrator can install\n"
        "  next: sudo apt-get update && sudo apt-get install -y --no-install-recommends chromium\n"
    )


def test_a_user_who_cannot_run_postgresql_gets_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(unprivileged, "_candidates", lambda: iter([(["false"], os.geteuid())]))
    with pytest.raises(StackError, match="PostgreSQL can't run as this user") as raised:
        unprivileged.prefix(Path("/bin/true"), tmp_path)
    assert raised.value.code == 2


def test_a_rebuilt_extension_replaces_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linked = []
    for build in ("first", "first", "second"):
        monkeypatch.setattr(extension, "built", lambda _, build=build: tmp_path / build)
        linked.append((extension.link(tmp_path, tmp_path), (tmp_path / "trm").readlink()))
    first, second = (tmp_path / build / "trm" for build in ("first", "second"))
    # The first value is whether the link changed, so that a running Directus must restart.
    assert linked == [(True, first), (False, first), (True, second)]


def test_changed_sources_rebuild_the_extension_without_installing_its_packages_again(
    tmp_path: Path,
) -> None:
    shutil.copytree(ROOT / "tools/devstack/pnpm", tmp_path / "tools/devstack/pnpm")
    ignored = shutil.ignore_patterns("node_modules")
    folder = Path(shutil.copytree(ROOT / extension.FOLDER, tmp_path / extension.FOLDER, ignore=ignored))
    before = extension.artefact(tmp_path).path, extension.dependencies(tmp_path).path
    package = folder / "package.json"
    package.write_text(package.read_text().replace("trm-coherence", "trm-other"))
    after = extension.artefact(tmp_path).path, extension.dependencies(tmp_path).path
    assert (before[0] == after[0], before[1] == after[1]) == (False, True)
    # The packages for development are another installation.
    assert extension.dependencies(tmp_path, development=True).path != after[1]


# The command line


def test_status_and_env_start_nothing_and_status_shows_no_secret(
    in_tmp: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_tmp("env") == 2
    assert in_tmp("run", "--no-start", "--", "false") == 0
    assert list(tmp_path.iterdir()) == []

    state = State(tmp_path, "dev")
    state.create()
    secrets = state.secrets()
    state.remember(POSTGRES, 5432, None)
    capsys.readouterr()
    assert in_tmp("status", "--json") == 0
    assert in_tmp("run", "--no-start", "--", "false") == 0
    out, err = capsys.readouterr()
    assert [json.loads(out)[server]["running"] for server in ("postgres", "directus")] == [False, False]
    assert not any(secret in out + err for secret in secrets.values())
    assert sorted(path.name for path in state.folder.iterdir()) == ["secrets.json", "state.json"]


@pytest.mark.parametrize(("options", "outcome"), [([], (7, "own\n")), (["--stack-only"], (0, ""))])
def test_run_does_not_start_the_stack_for_the_user_s_own_database(
    tmp_path: Path, options: list[str], outcome: tuple[int, str]
) -> None:
    code = (
        "import sys, pathlib; from tools.devstack import cli; cli.ROOT = pathlib.Path(sys.argv[1]);"
        f"sys.exit(cli.main(['run', *{options}, '--', 'sh', '-c', 'echo $DB_HOST $DB_PORT; exit 7']))"
    )
    environ = {**os.environ, "DB_HOST": "own", "DB_PORT": "", "DIRECTUS_URL": "http://own"}
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == outcome
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def shell_of_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Set the environment as `eval "$(make -s env)"` does, with another database in .env."""
    stack = Stack(tmp_path)
    stack.state.create()
    stack.state.remember(POSTGRES, 5432, None)
    for name, value in {**stack.address, **stack.state.secrets()}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".env").write_text("DB_HOST=elsewhere\n")
    monkeypatch.setattr(Stack, "up_database", lambda _: None)
    return stack


@pytest.mark.usefixtures("shell_of_the_stack")
def test_up_accepts_the_settings_of_the_stack_in_the_environment(
    in_tmp: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_tmp("up", "--database-only") == 0
    for name in ("DB_HOST", "DB_PASSWORD", "DB_CONNECTION_STRING"):
        with monkeypatch.context() as other:
            other.setenv(name, "the user's own")
            assert in_tmp("up", "--database-only") == 2


def test_run_drops_the_url_of_the_stack_s_directus_if_it_does_not_run(
    in_tmp: Callable[..., int], shell_of_the_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, str] = {}
    monkeypatch.setattr(Stack, "environment", lambda stack: stack.address)
    monkeypatch.setattr("tools.devstack.directus_home.directus_home", lambda _: None)
    monkeypatch.setattr("os.execvpe", lambda _file, _arguments, environ: given.update(environ))
    for url, left in ((shell_of_the_stack.directus.url, None), ("http://127.0.0.1:1", "http://127.0.0.1:1")):
        monkeypatch.setenv("DIRECTUS_URL", url)
        in_tmp("run", "--", "true")
        assert (given["DB_PORT"], given.get("DIRECTUS_URL")) == ("5432", left)


# The repository


def test_committed_lock_files_do_not_name_a_registry() -> None:
    for name in (
        "docker/directus/pnpm-lock.yaml",
        "tools/devstack/nodejs/package-lock.json",
        "tools/devstack/pnpm/package-lock.json",
        "tools/bench/npm/pnpm-lock.yaml",
    ):
        text = (ROOT / name).read_text()
        assert "integrity" in text
        assert not re.search(r"\b(resolved|tarball)\b", text)
