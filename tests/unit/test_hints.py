"""Hints name targets of the Makefile if make started the command, and the command itself otherwise."""

from __future__ import annotations

import re

import pytest

from directus_sync import project
from directus_sync.text import hints
from tests.conftest import ROOT

HINTS = {
    "keep them: directus-sync pull, then commit": "keep them: make pull, then commit",
    "run again with --discard-live a.b,c.d": 'make migrate ARGS="--discard-live a.b,c.d"',
    "capture it: directus-sync pull --overwrite, then commit": 'capture it: make pull ARGS="--overwrite", then commit',
    "directus-sync pull --overwrite on a database without it": 'make pull ARGS="--overwrite" on a database without it',
    "create them: directus-sync deploy; in the local stack: make migrate": (
        "create them: make migrate; in the local stack: make migrate"
    ),
    "directus-sync deploy --upgrade-directus 12.4.1": 'make migrate ARGS="--upgrade-directus 12.4.1"',
    "list them: directus-sync attic list": f"list them: {project.RUN}attic list",
    "run again: it looks first": "run again: it looks first",
    "Waiting for the lock, held by directus-sync deploy box:1": "Waiting for the lock, held by make migrate box:1",
}


@pytest.mark.parametrize("text", HINTS)
def test_a_hint_names_a_target_of_make_only_if_make_started_the_command(text: str) -> None:
    assert hints.adapted(text, "migrate") == HINTS[text]
    assert hints.adapted(text, None) == text


def test_every_target_that_a_hint_names_exists() -> None:
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(hints.TARGETS.values()) <= there
