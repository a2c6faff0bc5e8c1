"""The local stack's rules, without network or servers: cache, processes, ports, environment, advice."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.devstack import cache, cli, environment, host, ports, unprivileged
from tools.devstack.cache import Artefact, Build
from tools.devstack.directus_home import artefact as directus_artefact
from tools.devstack.errors import StackError
from tools.devstack.process import Process, start, wait_for
from tools.devstack.stack import Stack
from tools.devstack.state import POSTGRES, State

ROOT = Path(__file__).resolve().parents[2]


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


def artefact(recipe: Callable[[Build], None], **inputs: str) -> Artefact:
    return Artefact("part", "the part", {"a": "1", **inputs}, recipe, prepare=lambda: None)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix not in {".lock", ".log"})


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Take Ctrl-C as Python does, also where a shell that runs the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class TestCache:
    @pytest.mark.parametrize(
        "name",
        [
            "docker/directus/package.json",
            "docker/directus/pnpm-lock.yaml",
            "tools/devstack/pnpm/package.json",
            "tools/devstack/pnpm/package-lock.json",
        ],
    )
    def test_key_changes_with_each_defining_file(self, tmp_path: Path, name: str) -> None:
        for folder in ("docker/directus", "tools/devstack/pnpm"):
            (tmp_path / folder).mkdir(parents=True)
            for source in (ROOT / folder).glob("*.[jy]*"):
                (tmp_path / folder / source.name).write_bytes(source.read_bytes())
        before = directus_artefact(tmp_path).path
        assert before == directus_artefact(tmp_path).path
        with (tmp_path / name).open("a") as file:
            file.write("\n")
        assert directus_artefact(tmp_path).path != before

    def test_key_tells_where_one_value_ends(self) -> None:
        joined = artefact(lambda _: None, b="x\0c\0\0y").path
        assert joined != artefact(lambda _: None, b="x", c="y").path

    def test_programs_are_bound_to_their_place(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        before = artefact(lambda _: None).path
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "moved"))
        assert artefact(lambda _: None).path.name != before.name

    def test_relative_cache_folder_is_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "here")
        assert cache.folder() == Path.home() / ".cache" / "trm-directus"

    @pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
    def test_interrupted_build_leaves_nothing(self, cache_folder: Path, failure: type[BaseException]) -> None:
        def interrupted(build: Build) -> None:
            (build.work / "half").touch()
            raise failure

        with pytest.raises(failure):
            artefact(interrupted).ensure()
        assert leftovers(cache_folder) == []
        built = artefact(lambda build: (build.work / "whole").touch()).ensure()
        assert [path.name for path in built.iterdir()] == ["whole"]

    def test_leftovers_of_a_killed_builder_go(self, cache_folder: Path) -> None:
        part = artefact(lambda _: None)
        (cache_folder / f".{part.path.name}.dead" / "half").mkdir(parents=True)
        part.ensure()
        assert leftovers(cache_folder) == [part.path.name]

    def test_two_builders_build_once(self) -> None:
        builds: list[int] = []
        entered, go = threading.Event(), threading.Event()

        def slow(_: Build) -> None:
            builds.append(1)
            entered.set()
            go.wait(5)

        # flock works between descriptors, so two threads contend as two processes would.
        first, second = (threading.Thread(target=artefact(slow).ensure) for _ in range(2))
        first.start()
        assert entered.wait(5)
        second.start()
        second.join(0.2)
        assert second.is_alive()
        go.set()
        first.join(5)
        second.join(5)
        assert builds == [1]

    @pytest.mark.usefixtures("interruptible")
    def test_commands_of_an_interrupted_build_die(self, tmp_path: Path) -> None:
        noted = tmp_path / "pid"

        def recipe(build: Build) -> None:
            threading.Timer(0.5, lambda: os.kill(os.getpid(), 2)).start()
            build.run(["sh", "-c", f"sleep 60 & echo $! >'{noted}'; wait"])

        with pytest.raises(KeyboardInterrupt):
            artefact(recipe).ensure()
        # The kernel takes a moment to bury it; left alone it would live for a minute.
        assert wait_for(lambda: Process.of(int(noted.read_text())) is None, 5)

    def test_failed_build_shows_log_and_advice(self, capsys: pytest.CaptureFixture[str]) -> None:
        part = artefact(lambda build: build.run(["sh", "-c", "echo no network; exit 3"]))
        with pytest.raises(StackError, match=r"sh ended with status 3 \(full log: .*\.log\)") as raised:
            part.ensure()
        assert raised.value.code == 1
        assert "docker compose --env-file .env -f docker/compose.dev.yaml up --build" in str(raised.value)
        assert "  | no network" in capsys.readouterr().err


class TestProcess:
    def test_recycled_id_is_not_killed(self, sleeper: Process) -> None:
        for recycled in (
            Process(sleeper.pid, sleeper.started - 1, sleeper.boot),
            Process(sleeper.pid, sleeper.started, "another boot"),
        ):
            assert not recycled.alive
            recycled.stop()
        assert sleeper.alive

    def test_stop_goes_on_to_kill(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("devstack.process.GRACE", 0.3)
        recorded: list[Process] = []
        stubborn = start(
            ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"],
            log=tmp_path / "log",
            cwd=tmp_path,
            env=os.environ,
            record=recorded.append,
        )
        assert recorded == [stubborn]
        assert os.getsid(stubborn.pid) == stubborn.pid
        while "ready" not in (tmp_path / "log").read_text():
            assert stubborn.alive
        stubborn.stop(signal.SIGTERM)
        assert not stubborn.alive

    def test_nothing_starts_before_it_is_recorded(self, tmp_path: Path) -> None:
        seen: list[Process] = []

        def record(process: Process) -> None:
            seen.append(process)
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            start(["touch", "ran"], log=tmp_path / "log", cwd=tmp_path, env=os.environ, record=record)
        while seen[0].alive:
            pass
        assert not (tmp_path / "ran").exists()

    def test_state_forgets_a_dead_process(self, state: State, sleeper: Process) -> None:
        state.remember(POSTGRES, 1234, sleeper)
        assert state.process(POSTGRES) == sleeper
        os.kill(sleeper.pid, 9)
        sleeper.stop()
        assert state.process(POSTGRES) is None
        assert state.port(POSTGRES) == 1234


class TestState:
    def test_secrets_are_private_kept_and_unlike(self, state: State) -> None:
        known = state.secrets()
        assert state.secrets() == known
        assert len(set(known.values())) == len(known)
        assert stat.S_IMODE((state.folder / "secrets.json").stat().st_mode) == 0o600

    def test_damaged_state_is_no_obstacle(self, state: State) -> None:
        (state.folder / "state.json").write_text('{"postgres": ')
        assert state.port(POSTGRES) is None
        state.remember(POSTGRES, 1, None)
        assert state.port(POSTGRES) == 1

    def test_status_holds_no_secret(self, state: State, capsys: pytest.CaptureFixture[str]) -> None:
        known = state.secrets()
        status = Stack(state.stack.parent).status()
        assert not any(server.running for server in status.values())
        assert not any(secret in str(status) for secret in known.values())
        assert capsys.readouterr() == ("", "")


class TestPorts:
    def test_remembered_port_is_kept_while_free_and_left_when_taken(self) -> None:
        with socket.socket() as other:
            other.bind((ports.HOST, 0))
            port = other.getsockname()[1]
            other.listen()
            chosen = ports.choose(port, None)
            assert chosen != port
            assert chosen in ports.RANGE
        assert ports.choose(None, port) == port


class TestEnvironment:
    @pytest.mark.parametrize("value", ["plain", "it's", "a b", '$(touch x) `y` "z" \\', "line\nbreak", ""])
    def test_lines_are_shell_safe(self, value: str, tmp_path: Path) -> None:
        script = environment.shell_lines({"NAME": value}) + 'printf %s "$NAME"'
        done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == value
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("text", "own"),
        [
            ("DB_HOST=db", True),
            ("  export DB_HOST = 'db'", True),
            ("X=1\nDB_CONNECTION_STRING=postgres://u@h/d\n", True),
            ("DB_HOST=", False),
            ("DB_HOST=''", False),
            ("DB_HOST= # not yet", False),
            ("# DB_HOST=db", False),
            ("MY_DB_HOST=db", False),
            ("DB_PORT=1", False),
        ],
    )
    def test_own_database_in_dotenv(self, text: str, own: bool, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(text)
        assert environment.named(tmp_path, {}, *environment.OWN_DATABASE) is own

    def test_own_database_in_environment(self, tmp_path: Path) -> None:
        assert environment.named(tmp_path, {"DB_HOST": "db"}, *environment.OWN_DATABASE)
        assert not environment.named(tmp_path, {"DB_HOST": ""}, *environment.OWN_DATABASE)

    def test_path_does_not_grow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/a:/b")
        once = environment.search_path(Path("/n"))
        monkeypatch.setenv("PATH", once)
        assert environment.search_path(Path("/n")) == once == "/n:/a:/b"


class TestAdvice:
    @pytest.fixture
    def debian(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        release = tmp_path / "os-release"
        release.write_text('NAME="Debian"\nID=debian\n')
        monkeypatch.setattr(host, "OS_RELEASE", release)
        monkeypatch.setattr("shutil.which", lambda name: None if name == "mmdebstrap" else f"/usr/bin/{name}")

    @pytest.mark.usefixtures("debian")
    def test_ordinary_user_gets_the_command(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        with pytest.raises(StackError) as raised:
            host.require(files={tmp_path / "zoneinfo": "tzdata"})
        assert raised.value.next_step == (
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends mmdebstrap tzdata"
        )
        assert raised.value.code == 2

    @pytest.mark.usefixtures("debian")
    def test_root_installs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ran: list[list[str]] = []
        monkeypatch.setattr("os.geteuid", lambda: 0)
        monkeypatch.setattr(host, "_apt", lambda command, _: ran.append(command))
        host.require(files={})
        assert ran == [
            ["apt-get", "update"],
            ["apt-get", "install", "-y", "--no-install-recommends", "mmdebstrap"],
        ]

    @pytest.mark.usefixtures("debian")
    def test_other_systems_are_sent_to_compose(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "os-release").write_text("ID=fedora\n")
        monkeypatch.setattr("os.geteuid", lambda: 0)
        with pytest.raises(StackError, match="only on Debian and Ubuntu") as raised:
            host.require(files={})
        assert "docker compose" in raised.value.next_step

    @pytest.mark.usefixtures("debian")
    def test_set_up_goes_on_without_what_some_tests_run(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("shutil.which", lambda name: None if name == "chromium" else f"/usr/bin/{name}")
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        monkeypatch.setattr("signal.signal", lambda *_: None)
        monkeypatch.setattr("devstack.postgres_tree.postgres_tree", lambda: tmp_path)
        monkeypatch.setattr("devstack.directus_home.directus_home", lambda _: tmp_path)
        assert cli.main(["install", "--for-tests"]) == 0
        assert capsys.readouterr().err == (
            "note: `make test` needs chromium, which only an administrator can install\n"
            "  next: sudo apt-get update && sudo apt-get install -y --no-install-recommends chromium\n"
        )

    def test_no_way_to_be_another_user(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(unprivileged, "_candidates", lambda: iter([(["false"], os.geteuid())]))
        with pytest.raises(StackError, match="PostgreSQL can't run as this user") as raised:
            unprivileged.prefix(Path("/bin/true"), tmp_path)
        assert raised.value.code == 2

    def test_env_before_up(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(cli, "ROOT", tmp_path)
        monkeypatch.setattr("signal.signal", lambda *_: None)
        assert cli.main(["env"]) == 2
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("options", "outcome"), [([], (7, "own\n")), (["--stack-only"], (0, ""))])
    def test_run_leaves_an_own_database_alone(
        self, tmp_path: Path, options: list[str], outcome: tuple[int, str]
    ) -> None:
        code = (
            "import sys, pathlib; from devstack import cli; cli.ROOT = pathlib.Path(sys.argv[1]);"
            f"sys.exit(cli.main(['run', *{options}, '--', 'sh', '-c', 'echo $DB_HOST $DB_PORT; exit 7']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT,
            env={**os.environ, "DB_HOST": "own", "DB_PORT": "", "DIRECTUS_URL": "http://own"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == outcome
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({}, 0),
            ({"DB_HOST": "db"}, 2),
            ({"DB_PORT": "5433"}, 2),
            ({"DB_PASSWORD": "mine"}, 2),
            ({"DB_CONNECTION_STRING": "postgres://u@h/d"}, 2),
        ],
    )
    def test_up_works_in_a_shell_that_has_the_settings_of_the_stack(  # which go before those of .env
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, str], code: int
    ) -> None:
        stack = Stack(tmp_path)
        stack.state.create()
        stack.state.remember(POSTGRES, 5432, None)
        for name, value in {**stack.address, **stack.state.secrets(), **changed}.items():
            monkeypatch.setenv(name, value)
        (tmp_path / ".env").write_text("DB_HOST=elsewhere\n")
        started: list[str] = []
        monkeypatch.setattr(Stack, "up_database", lambda _: started.append("database"))
        monkeypatch.setattr(cli, "ROOT", tmp_path)
        monkeypatch.setattr("signal.signal", lambda *_: None)
        assert cli.main(["up", "--database-only"]) == code
        assert started == ([] if code else ["database"])

    @pytest.mark.parametrize(("url", "left"), [("{}", ""), ("http://127.0.0.1:1", "http://127.0.0.1:1")])
    def test_run_forgets_a_directus_of_the_stack_that_has_ended(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, left: str
    ) -> None:
        """And leaves one of the user's own alone."""
        stack = Stack(tmp_path)
        stack.state.create()
        stack.state.remember(POSTGRES, 5432, None)
        for name, value in {
            **stack.address,
            **stack.state.secrets(),
            "DIRECTUS_URL": url.format(stack.directus.url),
        }.items():
            monkeypatch.setenv(name, value)
        given: dict[str, str] = {}
        monkeypatch.setattr(Stack, "up_database", lambda _: None)
        monkeypatch.setattr(Stack, "environment", lambda stack: stack.address)
        monkeypatch.setattr("devstack.directus_home.directus_home", lambda _: tmp_path)
        monkeypatch.setattr("os.execvpe", lambda _file, _arguments, environ: given.update(environ))
        monkeypatch.setattr(cli, "ROOT", tmp_path)
        monkeypatch.setattr("signal.signal", lambda *_: None)
        cli.main(["run", "--", "true"])
        assert (given["DB_PORT"], given.get("DIRECTUS_URL", "")) == ("5432", left)

    def test_status_json_is_parsable(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(cli, "ROOT", tmp_path)
        monkeypatch.setattr("signal.signal", lambda *_: None)
        assert cli.main(["status", "--json", "--instance", "test"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown["instance"] == "test"
        assert shown["postgres"]["running"] is False


def test_committed_lock_files_name_no_registry() -> None:
    for name in ("docker/directus/pnpm-lock.yaml", "tools/devstack/pnpm/package-lock.json"):
        text = (ROOT / name).read_text()
        assert "integrity" in text
        assert not re.search(r"\b(resolved|tarball)\b", text)


def test_make_reset_needs_no_more_words() -> None:
    """Whoever types its name means it; `python -m tools.devstack reset` asks for --yes."""
    done = subprocess.run(["make", "--dry-run", "reset"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "devstack reset --yes" in done.stdout
