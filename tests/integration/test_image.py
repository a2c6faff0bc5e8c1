"""The files that the Dockerfile puts together are enough: the same files in the same places, but no container."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path, PurePosixPath

import pytest

from directus_sync.schema.snapshot import Snapshot
from tests import homes
from tests.boots import Boot, booting
from tests.conftest import ROOT, Tool
from tests.image import copied, final, is_sent, locked
from tests.processes import until
from tests.serving import client_of
from tools.devstack import extension

# Programs of Directus's image and of Alpine that may be missing on this machine, or do nothing here.
STAND_INS = ("pm2-runtime", "tini", "wget")


@dataclass(frozen=True)
class Image:
    """A folder with the image's files."""

    root: Path

    @property
    def directus(self) -> Path:
        return self.root / "directus"

    @property
    def path(self) -> str:
        return f"{self.root}/usr/local/bin:/usr/bin:/bin"

    def moved(self, text: str) -> str:
        """Replace paths inside the image by their paths here."""
        return text.replace("/opt/venv", f"{self.root}/opt/venv").replace('"/directus"', f'"{self.directus}"')

    @property
    def variables(self) -> dict[str, str]:
        """The variables that the last stage sets with ENV."""
        pairs = (pair.partition("=") for line in final("ENV") for pair in line.text.split())
        return {name: value.replace("/directus", str(self.directus)) for name, _, value in pairs}

    def files(self) -> set[Path]:
        return {path for path in self.root.rglob("*") if not path.is_symlink()}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, stack_environ: dict[str, str]) -> Image:
    """The files of Directus's image, then each COPY and RUN of the last stage, and only the locked dependencies."""
    image = Image(tmp_path_factory.mktemp("image") / "image")
    home = Path(stack_environ["DIRECTUS_HOME"])
    programs = image.root / "usr" / "local" / "bin"
    programs.mkdir(parents=True)
    homes.link(image.directus, home)
    for name in ("extensions", "uploads"):
        (image.directus / name).mkdir()
    (image.directus / "ecosystem.config.cjs").touch()
    node = shutil.which("node", path=stack_environ["PATH"])
    assert node is not None
    (programs / "node").symlink_to(node)
    for name in STAND_INS:
        (programs / name).symlink_to("/bin/true")

    install_dependencies(image.root / "opt" / "venv")
    for source, place in copied().items():
        target = image.root / place.relative_to("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, dirs_exist_ok=True, ignore=not_sent)
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / source, target)
    launcher = programs / "directus-sync"
    launcher.write_text(image.moved(launcher.read_text()))
    shutil.copytree(extension.built(ROOT), image.directus / "extensions", dirs_exist_ok=True)
    for instruction in final("RUN"):
        subprocess.run(
            ["sh", "-c", image.moved(instruction.text)],
            cwd=image.directus,
            env={"PATH": image.path, **image.variables},
            check=True,
        )
    return image


def not_sent(folder: str, names: list[str]) -> set[str]:
    """Return the names in a folder that the builder does not receive."""
    inside = PurePosixPath(Path(folder).relative_to(ROOT))
    return {name for name in names if not (Path(folder, name).is_dir() or is_sent(inside / name))}


def install_dependencies(folder: Path) -> None:
    """Make a virtual environment with the packages of the image's lock, linked from this environment."""
    venv.create(folder)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for requirement, _ in locked("requirements.runtime.lock").values():
        if requirement.marker is None or requirement.marker.evaluate():
            for file in importlib.metadata.distribution(requirement.name).files or ():
                top = file.parts[0]
                if top == "..":
                    if file.name == "alembic":
                        script = Path(str(file.locate())).read_text().replace(sys.executable, f"{folder}/bin/python")
                        (folder / "bin" / "alembic").write_text(script)
                        (folder / "bin" / "alembic").chmod(0o755)
                elif not (packages / top).exists():
                    (packages / top).symlink_to(Path(str(file.locate())).parents[len(file.parts) - 1] / top)


def test_the_image_contains_no_settings_file(image: Image) -> None:
    assert not [path for path in image.files() if path.name.startswith(".env")]
    assert not os.path.lexists(image.root / ".git")


def assert_serves_what_is_committed(boot: Boot, tool: Tool, committed: Snapshot) -> None:
    """Check that a boot serves exactly the committed schema, and knows the administrator that the tool created."""
    settings = tool.settings
    given = {"email": settings.email, "password": settings.password}
    with client_of(f"http://127.0.0.1:{boot.port}") as client:
        token = client.post("/auth/login", json=given).json()["data"]["access_token"]
    assert boot.get("/users/me", token).json()["data"]["first_name"] == "Admin"
    assert boot.get("/items/events", token).json() == {"data": []}
    tables = {name for (name,), entry in committed.section("collections").items() if entry.get("schema")}
    served = {entry["collection"] for entry in boot.get("/collections", token).json()["data"] if entry["schema"]}
    # Directus does not see Alembic's tables, even if DB_EXCLUDE_TABLES does not list them.
    assert {name for name in served if not name.startswith("directus_")} == tables
    fields = {entry["field"] for entry in boot.get("/fields/directus_users", token).json()["data"]}
    assert {"phone", "birth_date", "nationality", "organization_users"} <= fields
    assert "organization_id" not in fields
    assert boot.get("/schema/snapshot?export=yaml", token).content == committed.content


def test_two_replicas_of_the_image_migrate_an_empty_database_once(
    image: Image, empty: Tool, committed: Snapshot, tmp_path: Path
) -> None:
    names = ("HOST", "PORT", "DATABASE", "USER", "PASSWORD")
    settings = (*(f"DB_{name}" for name in names), "KEY", "SECRET", "ADMIN_EMAIL", "ADMIN_PASSWORD", "ADMIN_TOKEN")
    environ = {name: empty.environ[name] for name in settings}
    environ |= {"PATH": image.path, "HOME": str(tmp_path), **image.variables}
    # Otherwise Directus answers 503 while the machine is busy.
    environ["PRESSURE_LIMITER_ENABLED"] = "false"
    # A mounted .env must be ignored by the tool and by Directus, which would prefer it to all other settings.
    mounted = "DIRECTUS_SCHEMA_APPLY_MODE=dry-run\nDB_DATABASE=elsewhere\nPORT=1\nLOG_LEVEL=fatal\n"
    (image.directus / ".env").write_text(mounted, encoding="utf-8")
    before = image.files()
    entrypoint = [image.directus / "entrypoint.sh"]
    with ExitStack() as boots:
        one = boots.enter_context(booting(environ, tmp_path, entrypoint=entrypoint))
        # On a busy machine the first boot could otherwise end before the second starts.
        until(lambda: "Applying: pre_0001" in one.output)
        # A stand-in for a second Directus.
        other = boots.enter_context(booting(environ, tmp_path, ["touch", tmp_path / "served"], entrypoint=entrypoint))
        until(lambda: one.serves)
        assert "Deployed in" in one.output
        later = other.ended()
        assert later.code == 0, later.text
        assert "Waiting for the migration lock" in later.err
        assert "Nothing to do" in later.err
        assert (tmp_path / "served").exists()
        assert_serves_what_is_committed(one, empty, committed)
        stopped = one.stop()
        assert not one.processes
        assert stopped.code in {0, -signal.SIGTERM}, stopped.text
        assert "Directus shut down OK" in stopped.err
    # The image's user has no right to write there.
    assert image.files() == before
    sessions = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    until(lambda: not empty.database.rows(sessions))
    assert empty("check").code == 0


# The versions of python3 in recent Alpine releases.
@pytest.mark.slow
@pytest.mark.parametrize(("python", "machine"), [("3.12", "x86_64"), ("3.12", "aarch64"), ("3.13", "x86_64")])
def test_every_dependency_has_a_wheel_for_alpine(tmp_path: Path, python: str, machine: str) -> None:
    """pip checks the locked hashes and accepts only wheels, because the image has no compiler."""
    platforms = [f"--platform=musllinux_1_{minor}_{machine}" for minor in (1, 2)]
    checks = ["--require-hashes", "--only-binary=:all:", "--no-deps", f"--python-version={python}", *platforms]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
    lock = ROOT / "requirements.runtime.lock"
    subprocess.run([*pip, *checks, f"--requirement={lock}", f"--dest={tmp_path}"], timeout=120, check=True)
    compiled = [path.name for path in tmp_path.glob("*musllinux*")]
    for name in ("psycopg2_binary", "pyyaml", "sqlalchemy"):
        assert any(wheel.lower().startswith(f"{name}-") for wheel in compiled), compiled


@pytest.mark.skipif(shutil.which("busybox") is None, reason="the probe needs busybox, whose wget Alpine has")
@pytest.mark.parametrize(("path", "code"), [("/trm/health", 0), (None, 1)], ids=["answers", "is gone"])
def test_the_healthcheck_fails_if_directus_does_not_answer(tmp_path: Path, path: str | None, code: int) -> None:
    busybox = shutil.which("busybox")
    assert busybox is not None
    (tmp_path / "wget").symlink_to(busybox)
    with serving(path) as port:
        (health,) = final("HEALTHCHECK")
        environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PORT": str(port)}
        probe = subprocess.run(health.json, env=environ, capture_output=True, timeout=30, check=False)
    assert probe.returncode == code, probe.stderr


@contextmanager
def serving(path: str | None) -> Iterator[int]:
    """Answer 200 to this path and 503 to all others; yield the port."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == path else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield http.server_port
        http.shutdown()
