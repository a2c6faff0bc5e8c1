"""The real image: `make image` builds the unchanged Dockerfile, and the result is started as CI starts it.

tests/container has stand-ins for Docker's engine and for Directus's image. The database is the test stack's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from directus_sync import settings
from tests.commands import finished
from tests.conftest import Cloning, Finished, Tool
from tests.container import base, engine
from tests.container.docker import Docker
from tests.image import final
from tests.processes import until
from tools.devstack import ports

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not engine.is_possible(), reason="building an image without Docker needs buildah, and root who may mount"
    ),
]

NODE = 1000
# Files of the build that must not be in the image: temporary files, caches, and tools that only made the wheels.
OF_THE_BUILD = ("tmp/*", "root/.cache", "home/*/.cache", "var/cache/apk/*", "var/cache/wheels/*", "opt/venv/bin/pip*")


@dataclass(frozen=True)
class Built:
    """The image that `make image` built, and its unpacked files."""

    id: str
    docker: Docker
    engine: engine.Engine
    root: Path

    def make(self, target: str, environ: Mapping[str, str]) -> Finished:
        return make(self.docker, target, environ)


def make(docker: Docker, target: str, environ: Mapping[str, str]) -> Finished:
    path = f"{docker.programs}{os.pathsep}{environ['PATH']}"
    return finished(["make", target], {**environ, "PATH": path, "IMAGE_ID": str(docker.folder / "image")}, timeout=1200)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    docker = Docker.install(tmp_path_factory.mktemp("image") / "docker", real=True)
    done = make(docker, "image", os.environ)
    assert done.code == 0, done.text
    image = (docker.folder / "image").read_text()
    found = docker.engine
    assert found is not None
    return Built(image, docker, found, found.unpack(image))


def given(tool: Tool, port: int) -> dict[str, str]:
    """Return a container's settings: only those that CI sets."""
    wanted = ("DB_HOST", "DB_PORT", "DB_DATABASE", "DB_USER", "DB_PASSWORD", "KEY", "SECRET", "ADMIN_EMAIL")
    found = {name: tool.environ[name] for name in (*wanted, "ADMIN_PASSWORD", "ADMIN_TOKEN")}
    return {**found, "HOST": "127.0.0.1", "PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}


@dataclass(frozen=True)
class Served:
    """A container that serves Directus."""

    container: engine.Container
    url: str


@pytest.fixture(scope="module")
def served(built: Built, clone: Cloning) -> Iterator[Served]:
    """The image, serving a deployed database."""
    environ = given(Tool(clone("deployed")), ports.choose())
    container = built.engine.start(built.id, environ)
    try:
        until(lambda: answers(container, environ["PUBLIC_URL"]))
        yield Served(container, environ["PUBLIC_URL"])
    finally:
        container.kill()


def answers(container: engine.Container, url: str) -> bool:
    assert container.client.poll() is None
    try:
        return httpx.get(f"{url}/server/ping", trust_env=False).text == "pong"
    except httpx.TransportError:
        return False


# The running container


def test_the_image_passes_the_trial_of_ci(built: Built, empty: Tool) -> None:
    """The first boot migrates an empty database and serves, SIGTERM ends it, and the second boot has nothing to do."""
    done = built.make("image-try", empty.environ)
    assert done.code == 0, done.text
    first, _, second = done.out.partition("Nothing to do")
    assert "Deployed in" in first
    assert "Started a schema worker of Directus" in done.text
    assert "Directus shut down OK" in done.text
    assert f"Tried {built.id}" in second
    assert not [words for name in settings.SECRET_NAMES if (words := empty.environ.get(name)) and words in done.text]


def test_no_process_in_the_container_runs_as_root(served: Served) -> None:
    running = served.container.processes
    names = [(Path("/proc") / str(pid) / "comm").read_text().strip() for pid in running]
    assert names[0] == "tini"
    assert "node" in " ".join(names)
    for pid in running:
        owner = (Path("/proc") / str(pid)).stat()
        assert (owner.st_uid, owner.st_gid) == (NODE, NODE), names


def test_the_healthcheck_works_in_the_container(served: Served) -> None:
    """The probe uses busybox's wget, which Alpine has."""
    _, _, port = served.url.rpartition(":")
    (health,) = final("HEALTHCHECK")
    assert served.container.run(NODE, health.json, {"PORT": port}) == 0
    assert served.container.run(NODE, health.json, {"PORT": "1"}) == 1


# The files in the image


def test_the_image_contains_no_leftovers_of_the_build(built: Built) -> None:
    assert [path for pattern in OF_THE_BUILD for path in built.root.glob(pattern)] == []
    assert list((built.root / "opt/venv").rglob("pip")) == []
    names = {path.name for path in (built.root / "directus").iterdir()}
    of_upstream = {
        "cli.js",
        "package.json",
        "version.js",
        "ecosystem.config.cjs",
        "node_modules",
        "database",
        "uploads",
    }
    of_ours = {"alembic.ini", "directus_sync", "entrypoint.sh", "extensions", "migrations", "snapshots", ".cache"}
    assert names == of_upstream | of_ours


def test_the_server_s_user_can_read_but_not_change_the_tool(built: Built) -> None:
    assert [path.name[:7] for path in (built.root / "directus/.cache/directus-sync").iterdir()] == ["worker-"]
    for name in (".cache", "alembic.ini", "directus_sync", "entrypoint.sh", "migrations", "snapshots"):
        top = built.root / "directus" / name
        for path in [top, *top.rglob("*")]:
            found = path.stat()
            assert (found.st_uid, found.st_gid) == (0, 0), path
            assert found.st_mode & stat.S_IWOTH == 0, path
            assert found.st_mode & stat.S_IROTH, path


def test_the_image_contains_compiled_python(built: Built) -> None:
    folder = built.root / "directus"
    sources = [path for name in ("directus_sync", "migrations") for path in (folder / name).rglob("*.py")]
    compiled = {path.name.partition(".")[0] for path in folder.rglob("__pycache__/*.pyc")}
    assert sources
    assert {path.stem for path in sources} <= compiled


def test_the_labels_name_the_commit_and_the_version(built: Built) -> None:
    labels: dict[str, Any] = built.engine.config(built.id)["Labels"]
    assert labels["org.opencontainers.image.revision"] == finished(["git", "rev-parse", "HEAD"]).out.strip()
    assert labels["org.opencontainers.image.version"] == base.PIN
