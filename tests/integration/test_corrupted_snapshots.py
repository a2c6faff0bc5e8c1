"""Hand-edited and corrupted files: never a traceback, and never a change that could lose anything."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SNAPSHOT, RunningDirectus, Serving

KINDS = ("cut off", "line gone", "line twice", "lines swapped", "indented", "byte changed", "section emptied")
SEEDS = range(4)


@pytest.fixture(scope="module")
def server(serve: Serving) -> Iterator[RunningDirectus]:
    with serve("deployed") as running:
        running.create("vehicles", make="Toyota", model="Land Cruiser", plate="AA 301 BB")
        yield running


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_corrupted_file_loses_nothing(server: RunningDirectus, tmp_path: Path, kind: str, seed: int) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(_corrupted(SNAPSHOT.read_bytes(), kind, random.Random(f"{kind} {seed}")))
    tables, rows = _tables(server), server.database.rows("SELECT vehicles::text FROM vehicles")
    before = server.database.contents()

    done = server.tool("push", "--snapshot", path)

    assert "Traceback" not in done.text
    assert done.code in {0, 4}, done.text
    if done.code == 0:
        # What is left is a snapshot with another note or label: a change, and no loss.
        assert _tables(server) == tables
        assert server.tool("push").code == 0
    else:
        assert "  next:  " in done.err
        assert server.database.contents() == before
    assert server.database.rows("SELECT vehicles::text FROM vehicles") == rows


def _tables(server: RunningDirectus) -> list[tuple[object, ...]]:
    return server.database.rows(
        "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, 2"
    )


def _corrupted(content: bytes, kind: str, chance: random.Random) -> bytes:
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
            starts = [
                n for n, line in enumerate(lines) if line.rstrip() in {b"fields:", b"relations:", b"collections:"}
            ]
            start = chance.choice(starts)
            end = next(n for n in [*range(start + 1, len(lines)), len(lines)] if n == len(lines) or lines[n][:1] > b" ")
            lines[start:end] = [lines[start].rstrip() + b" []\n"]
    return b"".join(lines)
