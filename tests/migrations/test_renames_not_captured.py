"""A rename by a revision that nobody captured: the refusal says to capture it, and no approval removes it."""

from __future__ import annotations

from pathlib import Path

from migrations.operations import RenameCollection, RenameField
from tests.conftest import Tool
from tests.migrations.renaming import invoke, transaction

RENAMES = {
    "devices.kind": RenameField("devices", "model", "kind"),
    "cars": RenameCollection("vehicles", "cars"),
}


def test_an_uncaptured_rename_is_never_removed_even_with_approval(deployed: Tool, snapshot_file: Path) -> None:
    with transaction(deployed.database) as connection:
        invoke(connection, *RENAMES.values())
        connection.commit()
    before = deployed.database.contents()
    approved = [word for item in RENAMES for word in ("--allow-destroy", item, "--discard-live", item)]
    for options in ([], approved):
        refused = deployed("push", "--only", "schema", "--snapshot", snapshot_file, *options)
        assert refused.code == 4, refused.text
        assert "error[rename-not-captured]: " in refused.err
        assert "renamed by a revision, and the file still has the old name; nothing was sent" in refused.err
        for item in RENAMES:
            assert f"         {item}" in refused.err
        assert "to the Directus of 127.0.0.1:" in refused.err
        assert "capture the new name: directus-sync pull --overwrite" in refused.err
        assert "--allow-destroy" not in refused.err
        assert "removals.yaml" not in refused.err
    assert deployed.database.contents() == before

    deployed.done("pull", "--only", "schema", "--overwrite", "--snapshot", snapshot_file)
    assert deployed("push", "--only", "schema", "--snapshot", snapshot_file).out.startswith("Nothing to push")
