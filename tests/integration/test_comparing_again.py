"""A deploy compares again if something may have changed after its comparison, and starts its worker in advance."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path

import pytest

from directus_sync.commands import deploy
from directus_sync.directus import installation
from directus_sync.errors import NotConverged
from directus_sync.output import Progress
from directus_sync.postgres import database, lock
from directus_sync.roles import granting
from directus_sync.settings import Settings
from directus_sync.state import fingerprint
from directus_sync.steps import preloading
from directus_sync.steps.planning import Request
from tests.conftest import Tool
from tests.meanwhile import changed_at
from tests.snapshots import edited

ELSEWHERE = "UPDATE directus_fields SET note = 'meanwhile' WHERE (collection, field) = ('vehicles', 'plate')"


@pytest.fixture
def with_note(deployed: Tool, snapshot_file: Path) -> Settings:
    """Settings of a deploy that has to push one note."""
    edited(snapshot_file, lambda document: document["fields"][0]["meta"].update(note="from git"))
    return dataclasses.replace(deployed.settings, snapshot=snapshot_file)


def test_deploy_does_not_compare_again_if_nothing_changed_after_the_push(deployed: Tool, with_note: Settings) -> None:
    done = deployed("deploy", "--snapshot", with_note.snapshot)
    assert "Pushed 1 change in " in done.err, done.text
    assert "Compared again" not in done.err
    assert deployed("check", "--snapshot", with_note.snapshot).code == 0


def test_deploy_compares_again_if_something_changed_after_the_push(deployed: Tool, with_note: Settings) -> None:
    with (
        changed_at(granting, "apply", lambda _: deployed.database.execute(ELSEWHERE)),
        pytest.raises(NotConverged, match="1 item still differs"),
    ):
        deploy.run(with_note, Request(), Progress())


def starts_ahead(settings: Settings, given: str) -> bool:
    """Return whether a worker is loading. Check that it ends with its stack."""
    with ExitStack() as stack:
        loaded = preloading.load(settings, given, stack)
        if loaded is None:
            return False
        assert loaded.process.poll() is None
    assert loaded.process.poll() is not None
    return True


def test_the_worker_starts_in_advance_only_if_this_deploy_has_work(deployed: Tool) -> None:
    settings = deployed.settings
    deployed.database.execute("UPDATE directus_sync.deploys SET inputs = 'those of now 11.17.4'")
    assert fingerprint.with_version("those of now", installation.version(settings)) == "those of now 11.17.4"
    assert not starts_ahead(settings, "those of now")
    assert starts_ahead(settings, "others")
    with database.connect(settings, "test") as connection, lock.exclusive(connection, 1):
        assert not starts_ahead(settings, "others")
    nowhere = dataclasses.replace(settings.database, port=1)
    assert not starts_ahead(dataclasses.replace(settings, database=nowhere), "others")
    deployed.database.execute("DROP TABLE directus_sync.deploys CASCADE")
    assert starts_ahead(settings, "others")
