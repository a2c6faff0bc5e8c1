"""Fixtures of the failure tests: a newer checkout with the end of its deploy, and PostgreSQL servers to kill."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.chaos.runs import End, Line
from tests.chaos.servers import OwnPostgres
from tests.checkout import Checkout
from tests.conftest import Cloning, Tool
from tests.snapshots import Document, edited, with_firmware, without_field
from tools.bench import snapshots as generated

VEHICLES = 500


@dataclass(frozen=True)
class Upgrade:
    """A newer checkout with a pre and a post revision, an added and a removed item, and the end of its deploy."""

    checkout: Path
    end: End


@pytest.fixture
def first_deploy(empty: Tool, tmp_path: Path) -> Line:
    """The line on an empty database."""
    return Line(empty, tmp_path)


@pytest.fixture(scope="session")
def end_of_first_deploy(clone: Cloning) -> End:
    """The state after an undisturbed first deploy."""
    return End.of(clone("deployed"))


@pytest.fixture(scope="session")
def upgrade(tmp_path_factory: pytest.TempPathFactory, worker_id: str, clone: Cloning) -> Upgrade:
    """The newer checkout and the state after its undisturbed deploy, created once for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "upgrade"
    shared.mkdir(exist_ok=True)
    checkout, end = shared / "checkout", shared / "end.json"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not end.exists():
            _write_checkout(checkout, shared)
            line = older(Tool(clone("deployed")), shared, checkout)
            done = line()
            assert done.code == 0, done.text
            end.write_text(json.dumps(asdict(End.of(line.database))))
    return Upgrade(checkout, End(**json.loads(end.read_text())))


def older(tool: Tool, folder: Path, checkout: Path) -> Line:
    """Return the newer checkout's line on an older database, which has rows and lost a constraint."""
    tool.database.execute(
        f"INSERT INTO vehicles (id, make, model, vin) SELECT gen_random_uuid(), 'Toyota', 'HZJ 78', 'vin ' || number"
        f" FROM generate_series(1, {VEHICLES}) AS number"
    )
    tool.database.execute(
        "ALTER TABLE organization_devices DROP CONSTRAINT organization_devices_organization_id_device_id_key"
    )
    return Line(tool, folder, checkout)


@pytest.fixture
def upgrading(deployed: Tool, upgrade: Upgrade, tmp_path: Path) -> Line:
    """The newer checkout's line on an older database."""
    return older(deployed, tmp_path, upgrade.checkout)


def _write_checkout(folder: Path, scratch: Path) -> None:
    Checkout.with_revision(
        folder, 'execute("ALTER TABLE positions ADD COLUMN hdop real")', 'drop_column("positions", "hdop")'
    )
    check = 'create_check_constraint("entries_number_check", "entries", "race_number > 0")'
    post = Checkout.with_revision(
        scratch / "post", check, 'drop_constraint("entries_number_check", "entries")', branch="post"
    )
    for name in ("POST_HEAD", f"post/{post.head}_change_it.py"):
        shutil.copy(post.folder / "migrations" / "versions" / name, folder / "migrations" / "versions" / name)
    edited(folder / "snapshots" / "schema.yaml", without_field("vehicles", "vin"), with_firmware, with_collections(1))
    access = folder / "snapshots" / "access" / "collections"
    for name in generated.generate(1, "")["collections"]:
        (access / f"{name['collection']}.yaml").write_text("trm-base: {}\n")
    vehicles = access / "vehicles.yaml"
    vehicles.write_text(vehicles.read_text().replace(" vin,", ""))
    (folder / "snapshots" / "removals.yaml").write_text("- item: vehicles.vin\n  reason: a test removes it\n")


def with_collections(number: int) -> Callable[[Document], None]:
    """Add this many collections in the format of Directus's export."""

    def edit(document: Document) -> None:
        more = generated.generate(number, document["directus"])
        for section in ("collections", "fields", "relations"):
            document[section].extend(more[section])

    return edit


@pytest.fixture(scope="session")
def own_postgres(tmp_path_factory: pytest.TempPathFactory, stack_environ: dict[str, str]) -> Iterator[OwnPostgres]:
    """A PostgreSQL that tests can kill."""
    if os.environ.get("TEST_SERVER"):
        pytest.skip("a test must not kill the server in TEST_SERVER")
    own = OwnPostgres(tmp_path_factory.mktemp("postgres"), stack_environ)
    own.up()
    yield own
    own.down()
