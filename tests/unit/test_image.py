"""The files of the image and the containers. integration/test_built_image.py builds the image."""

from __future__ import annotations

import json
import re
import tomllib
from io import StringIO
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values
from packaging.requirements import Requirement

from directus_sync import roles, settings
from tests import snapshots
from tests.conftest import ROOT
from tests.image import copied, final, is_sent, locked, stages

PIN = json.loads((ROOT / "docker" / "directus" / "package.json").read_text())["dependencies"]["directus"]
COMPOSE = (ROOT / "docker" / "compose.dev.yaml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
WORKFLOW = yaml.safe_load((ROOT / ".gitea" / "workflows" / "ci.yaml").read_text(encoding="utf-8"))
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")


def test_the_image_is_based_on_the_pinned_directus() -> None:
    base = re.fullmatch(rf"directus/directus:{re.escape(PIN)}@(sha256:[0-9a-f]{{64}}) AS base", stages()[0][0].text)
    assert base
    # All stages have the same Python and Node, because a virtual environment works only with its own Python.
    assert [stage[0].words[0] for stage in stages()[1:]] == ["base", "base", "base"]
    labels = final("LABEL")[0].text
    prefix = "org.opencontainers.image."
    assert dict(re.findall(rf'{re.escape(prefix)}([a-z.]+)="([^"]*)"', labels)) == {
        "title": "TRM Directus",
        "description": "Directus 11 that migrates its TimescaleDB at every start, and refuses to lose anything",
        "base.name": f"directus/directus:{PIN}",
        "base.digest": base[1],
        "version": PIN,
        "revision": "$REVISION",
        "created": "$CREATED",
    }
    snapshot = snapshots.load((ROOT / "snapshots" / "schema.yaml").read_text(encoding="utf-8"))
    assert snapshot["directus"] == PIN


def test_the_server_is_not_root_and_does_not_own_the_tool_s_files() -> None:
    assert final("USER")[-1].text == "node"
    assert not any("--chown" in instruction.text for instruction in final("COPY"))


def test_the_image_has_no_build_tools() -> None:
    installed = [
        instruction.text for stage in (stages()[0], stages()[-1]) for instruction in stage if "apk" in instruction.text
    ]
    assert installed == ["apk add --no-cache python3 tini"]
    (pip,) = [instruction.text for instruction in stages()[1] if instruction.name == "RUN"]
    assert "--require-hashes --only-binary=:all: -r /tmp/requirements.runtime.lock" in pip
    assert pip.endswith("pip uninstall --yes pip")


def test_the_extension_is_tested_and_built_with_locked_packages_and_copied_without_sources() -> None:
    _, _, extension, last = stages()
    install, build = [instruction.text for instruction in extension if instruction.name == "RUN"]
    pnpm = json.loads((ROOT / "tools/devstack/pnpm/package.json").read_text())["dependencies"]["pnpm"]
    assert install == f"npx --yes pnpm@{pnpm} install --frozen-lockfile --ignore-scripts"
    assert build == "node_modules/.bin/vitest run --cache=false && node build.mjs"
    taken = [instruction.words for instruction in last if "--from=extension" in instruction.text]
    assert taken == [
        ["/extension/package.json", "./extensions/trm/"],
        ["/extension/dist", "./extensions/trm/dist/"],
    ]
    assert "EXTENSIONS_MUST_LOAD=true" in " ".join(instruction.text for instruction in final("ENV"))
    assert "/trm/health" in final("HEALTHCHECK")[0].text


def test_the_image_runs_its_entrypoint_and_then_the_command_of_the_base_image() -> None:
    (entrypoint,), (command,) = final("ENTRYPOINT"), final("CMD")
    assert entrypoint.json == ["/sbin/tini", "--", str(copied()["docker/entrypoint.sh"])]
    assert command.json == ["pm2-runtime", "start", "ecosystem.config.cjs"]
    assert (ROOT / "docker" / "entrypoint.sh").stat().st_mode & 0o111 == 0o111


def test_the_build_gets_only_the_files_that_the_image_copies() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert let_in == {*copied(), "extensions/trm", "requirements.runtime.lock"}
    assert all((ROOT / source).exists() for source in let_in)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("alembic.ini", True),
        ("snapshots/schema.yaml", True),
        ("directus_sync/catalog/query.py", True),
        ("directus_sync/__pycache__/cli.cpython-311.pyc", False),
        ("README.md", False),
        (".git/config", False),
        ("docker/compose.dev.yaml", False),
        (".env", False),
        ("snapshots/.env", False),
        ("directus_sync/catalog/.env.local", False),
        ("extensions/trm/src/index.ts", True),
        ("extensions/trm/.env.production", False),
        ("extensions/trm/dist/api.js", False),
        ("extensions/trm/node_modules/esbuild/package.json", False),
        ("extensions/of-somebody/package.json", False),
    ],
)
def test_env_files_and_git_are_not_sent_to_the_build(path: str, *, sent: bool) -> None:
    assert is_sent(PurePosixPath(path)) is sent


def test_the_image_s_lock_file_is_the_runtime_part_of_the_full_one() -> None:
    runtime, everything = locked("requirements.runtime.lock"), locked("requirements.lock")
    assert {name: everything[name] for name in runtime} == runtime
    assert all(hashes for _, hashes in runtime.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {Requirement(line).name for line in project["project"]["dependencies"]}
    development = {Requirement(line).name for line in project["dependency-groups"]["dev"]}
    assert needed <= set(runtime)
    assert not development & set(runtime)


# Compose


def test_ci_and_compose_use_the_database_of_production() -> None:
    for job in ("image", "ship"):
        assert WORKFLOW["jobs"][job]["services"]["db"]["image"] == SERVICES["db"]["image"]
    assert SERVICES["db"]["image"].startswith("timescale/timescaledb-ha:pg16.")
    for name in ("directus", "replica"):
        assert SERVICES[name]["build"] == {"context": "..", "dockerfile": "docker/Dockerfile"}


def test_the_database_s_files_are_on_a_volume() -> None:
    data = SERVICES["db"]["environment"]["PGDATA"]
    assert data == "/home/postgres/pgdata/data"
    assert SERVICES["db"]["volumes"][0] == f"database:{data}"
    assert SERVICES["directus"]["volumes"] == ["uploads:/directus/uploads"]
    assert yaml.safe_load(COMPOSE)["volumes"].keys() == {"database", "uploads"}


def test_directus_serves_as_the_least_privileged_role_and_the_tool_deploys_as_another() -> None:
    names = [role.name for role in roles.read(ROOT / "snapshots" / "roles.yaml")]
    database = SERVICES["db"]["environment"]
    for service in ("directus", "replica"):
        given = SERVICES[service]["environment"]
        assert given["DB_USER"] == names[0]
        assert given["DIRECTUS_SYNC_DB_USER"] == database["POSTGRES_USER"]
        assert given["DIRECTUS_SYNC_DB_PASSWORD"] == database["POSTGRES_PASSWORD"]
        assert given["DB_PASSWORD"] == database["SERVING_PASSWORD"]
    script = (ROOT / "docker" / "serving-role.sh").read_text(encoding="utf-8")
    assert f"CREATE ROLE {names[0]} LOGIN PASSWORD :'password'" in script
    assert "./serving-role.sh:/docker-entrypoint-initdb.d/serving-role.sh:ro" in SERVICES["db"]["volumes"]


def test_a_container_waits_until_its_dependencies_are_healthy() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, name
            assert SERVICES[needed]["healthcheck"]["test"], needed
    assert final("HEALTHCHECK")


def test_two_optional_replicas_share_a_redis() -> None:
    replica = SERVICES["replica"]
    assert replica["deploy"] == {"replicas": 2}
    assert replica["profiles"] == SERVICES["redis"]["profiles"] == ["replicas"]
    assert replica["environment"]["REDIS"].endswith("@redis:6379")
    # The cache is off by default, so a running Directus cannot show whether its store is set.
    stores = {name for name, value in replica["environment"].items() if value == "redis"}
    assert stores == {"CACHE_STORE", "RATE_LIMITER_STORE", "SYNCHRONIZATION_STORE"}
    assert replica["volumes"] == SERVICES["directus"]["volumes"]
    # Directus would treat even an empty variable as a Redis.
    assert not any(name.startswith("REDIS") for name in SERVICES["directus"]["environment"])


def test_every_pulled_image_is_pinned_by_digest() -> None:
    pulled = [service["image"] for service in SERVICES.values() if "build" not in service]
    pulled += re.findall(r"^(?:TRIVY|COSIGN) := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(pulled) == 4
    assert all(re.search(r":[a-z0-9.-]+@sha256:[0-9a-f]{64}$", image) for image in pulled)


def test_a_container_has_no_more_rights_than_it_needs() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pids_limit"] > 0, name
        # The database's image changes some of its files when it starts.
        assert service.get("read_only", False) is (name != "db"), name
        assert "mem_limit" in service or name == "db"
    assert SERVICES["directus"]["environment"]["RATE_LIMITER_ENABLED"] == "true"


def test_no_port_is_open_to_other_machines() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_containers_use_the_settings_of_the_template() -> None:
    text = re.sub(r"^# ?(?=[A-Z_]+=)", "", EXAMPLE, flags=re.MULTILINE)
    known = set(dotenv_values(stream=StringIO(text)))
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", COMPOSE))
    # The containers have their own database and image, so they set these themselves.
    assert known - used == {
        "DB_HOST",
        "DB_SSL",
        "DB_SSL__CA",
        "DB_SSL__CERT",
        "DB_SSL__KEY",
        "DB_SSL__REJECT_UNAUTHORIZED",
        "DB_CONNECTION_STRING",
        "DIRECTUS_SYNC_DB_CONNECTION_STRING",
        "DIRECTUS_SYNC_DB_HOST",
        "DIRECTUS_SYNC_DB_PORT",
        "DB_USER",
        "DIRECTUS_SYNC_COMMIT",
        "DIRECTUS_SYNC_IMAGE",
        "DIRECTUS_URL",
        "DIRECTUS_HOME",
        "DIRECTUS_SYNC_WORKER",
    }
    assert used <= known
    # A secret has no default: Compose does not start without it.
    for name in used & {*settings.SECRET_NAMES} - {"ADMIN_TOKEN", "DIRECTUS_TOKEN", "COMPOSE_REDIS_PASSWORD"}:
        assert f"${{{name}:?" in COMPOSE
        assert f"${{{name}:-" not in COMPOSE
