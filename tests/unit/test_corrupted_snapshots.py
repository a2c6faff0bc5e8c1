"""Corrupted files never cause a traceback, and never an accepted change that could lose rows."""

from __future__ import annotations

import random
import re

import pytest

from directus_sync.errors import InvalidSnapshot
from directus_sync.schema import comparison, snapshot
from directus_sync.schema.diff import Action, SchemaDiff
from directus_sync.schema.snapshot import Snapshot
from tests.unit.judging import decided

KINDS = ("cut off", "line gone", "line twice", "lines swapped", "indented", "byte changed", "section emptied")


@pytest.mark.parametrize("kind", KINDS)
def test_a_corrupted_file_loses_nothing(station: bytes, live: Snapshot, kind: str) -> None:
    refused = passed = 0
    for seed in range(60):
        try:
            wanted = snapshot.parse(corrupted(station, kind, random.Random(f"{kind} {seed}")), "schema.yaml")
        except InvalidSnapshot:
            refused += 1
            continue
        # Every table has rows, and nothing is approved.
        plan = decided(SchemaDiff(comparison.between(live, wanted)), live, live, wanted=wanted)
        for item in plan.items:
            assert item.rule or not (item.rows or item.verdict.change.action is Action.REMOVE), item
        refused += bool(plan.refused)
        passed += not plan.refused
    assert refused
    # Some corruptions change only a note or a label, which is accepted.
    assert passed or kind not in {"byte changed", "line gone"}


def corrupted(content: bytes, kind: str, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    at = chance.randrange(4, len(lines) - 1)
    match kind:
        case "cut off":
            return content[: chance.randrange(len(content))]
        case "line gone":
            del lines[at]
        case "line twice":
            lines.insert(at, lines[at])
        case "lines swapped":
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
        case "indented":
            lines[at] = b"  " + lines[at]
        case "byte changed":
            place = chance.randrange(len(content))
            return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]
        case "section emptied":
            section = chance.choice(["fields", "relations", "collections"])
            return re.sub(rf"(?m)^{section}:\n(?:[ -].*\n)+".encode(), f"{section}: []\n".encode(), content)
    return b"".join(lines)
