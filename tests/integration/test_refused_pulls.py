"""A pull is refused as a whole: if one part is in the way, no file and no base changes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests import access_files, resource_files
from tests.access_files import MARSHAL_ID, ROLE_ID
from tests.conftest import SNAPSHOT, RunningDirectus, Serving
from tests.snapshots import edited, set_property

NOTE: Final = {"collection": "devices", "field": "model"}
DEVICES: Final = "marshal: {read: {fields: '*', rows: all}}\n"
ROLE: Final = {"id": "0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7a77", "name": "Press"}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def written(folder: Path) -> Path:
    """Write the files of every part; return the path of the snapshot."""
    snapshot = Path(shutil.copy(SNAPSHOT, folder))
    access_files.complete(snapshot, devices=DEVICES)
    resource_files.written(
        folder / "resources",
        {
            "settings.yaml": "project_name: Ours\n",
            "presets/devices.yaml": "roles: {member: {default: {layout: cards}}}\n",
        },
    )
    return snapshot


def pushed(running: RunningDirectus) -> None:
    with tempfile.TemporaryDirectory() as folder:
        running.tool.done("push", "--snapshot", written(Path(folder)))


@pytest.fixture
def server(serve: Serving, tmp_path: Path) -> Iterator[RunningDirectus]:
    """A Directus that equalled the files, and was then changed in every part."""
    with serve("deployed", f"{access_files.NOTHING};{resource_files.NOTHING}", pushed) as running:
        snapshot = written(tmp_path)
        running.tool.done("pull", "--snapshot", snapshot)
        for path, body in {
            "/fields/devices/model": {"meta": {"note": "theirs"}},
            f"/policies/{MARSHAL_ID}": {"name": "theirs"},
            "/settings": {"project_name": "theirs"},
        }.items():
            assert running.http.patch(path, json=body).is_success
        assert running.http.post("/roles", json=ROLE).is_success
        for role in (ROLE["id"], None):
            shown = {"collection": "devices", "role": role, "layout": "map"}
            assert running.http.post("/presets", json=shown).is_success
        running.database.execute("ALTER TABLE devices ADD CONSTRAINT theirs CHECK (model <> '')")
        yield running


def in_the_way(folder: Path, part: str, running: RunningDirectus) -> None:
    """Change something in one part that Directus changed too."""
    if part == "schema":
        edited(folder / "schema.yaml", set_property("fields", "meta.note", "ours", **NOTE))
    elif part == "catalog":
        running.database.execute("ALTER TABLE devices DROP CONSTRAINT devices_imei_check")
    else:
        name, old = {"access": ("access.yaml", "name: Marshal"), "resources": ("settings.yaml", "Ours")}[part]
        path = folder / part / name
        path.write_text(path.read_text().replace(old, f"{old} of git"))


def test_a_refused_pull_writes_no_file_and_no_base(server: RunningDirectus, tmp_path: Path) -> None:
    for part in ("schema", "access", "resources", "catalog"):
        folder = shutil.copytree(tmp_path, tmp_path.with_name(part))
        in_the_way(folder, part, server)
        before, recorded = files(folder), server.database.contents()
        refused = server.tool("pull", "--snapshot", folder / "schema.yaml")
        assert (files(folder), server.database.contents()) == (before, recorded), part
        assert (refused.code, "; nothing was written\n" in refused.err) == (4, True), refused.text


def test_pull_captures_every_part_and_roles_with_their_presets(server: RunningDirectus, tmp_path: Path) -> None:
    server.tool.done("pull", "--snapshot", tmp_path / "schema.yaml")
    found = {name: content.decode() for name, content in files(tmp_path).items()}
    assert "theirs" in found["schema.yaml"]
    assert "theirs" in found["catalog.yaml"]
    assert "name: theirs" in found["access/access.yaml"]
    assert "press: {" in found["access/access.yaml"]
    assert "press: {default: {layout: map}}" in found["resources/presets/devices.yaml"]
    assert found["resources/settings.yaml"] == "project_name: theirs\n"
    assert server.tool("pull", "--snapshot", tmp_path / "schema.yaml").out.startswith("Nothing to pull")
    assert server.tool("diff", "--snapshot", tmp_path / "schema.yaml").code == 0

    assert server.http.delete(f"/roles/{ROLE_ID}").is_success
    server.tool.done("pull", "--snapshot", tmp_path / "schema.yaml")
    assert "\n  member:" not in (tmp_path / "access" / "access.yaml").read_text()
    lists = (tmp_path / "resources" / "presets" / "devices.yaml").read_text()
    assert lists == "roles: {press: {default: {layout: map}}}\ndefault: {layout: map}\n"
