"""Writing a file whole, never through a link."""

from __future__ import annotations

from pathlib import Path

from directus_sync import files


def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "plan.json"
    victim.write_bytes(b"mine")
    link.symlink_to(victim)
    files.replace(link, b"a plan", mode=0o600)
    assert victim.read_bytes() == b"mine"
    assert not link.is_symlink()
    assert (link.read_bytes(), link.stat().st_mode & 0o777) == (b"a plan", 0o600)


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    files.replace(path, b"old")
    path.chmod(0o640)
    files.replace(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)
