"""Parses the Dockerfile into stages and instructions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from packaging.requirements import Requirement

from tests.conftest import ROOT

DOCKERFILE = ROOT / "docker" / "Dockerfile"


@dataclass(frozen=True)
class Instruction:
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        return [word for word in self.text.split() if not word.startswith("--")]

    @property
    def json(self) -> list[str]:
        found = re.search(r"\[.*\]", self.text)
        assert found is not None, self.text
        return [str(word) for word in json.loads(found[0])]


def stages() -> list[list[Instruction]]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    found: list[list[Instruction]] = []
    for line in filter(None, lines):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Instruction(name, rest.strip()))
    return found


def final(name: str) -> list[Instruction]:
    """Return the instructions of this name in the last stage."""
    return [instruction for instruction in stages()[-1] if instruction.name == name]


def copied() -> dict[str, PurePosixPath]:
    """Return the paths that the last stage copies from the checkout, with their places in the image."""
    found = {}
    for instruction in final("COPY"):
        if "--from=" not in instruction.text:
            *sources, target = instruction.words
            folder = PurePosixPath("/directus", target)
            for source in sources:
                # COPY copies the contents of a folder, but a file itself.
                found[source] = folder if (ROOT / source).is_dir() else folder / PurePosixPath(source).name
    return found


def is_sent(path: PurePosixPath) -> bool:
    """Return whether a builder receives a file of the checkout. The last matching rule of .dockerignore decides.

    A pattern also matches everything below a folder (https://docs.docker.com/build/concepts/context/).
    """
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
            if any(re.fullmatch(pattern, str(part)) for part in (path, *path.parents)):
                sent = line.startswith("!")
    return sent


def locked(name: str) -> dict[str, tuple[Requirement, frozenset[str]]]:
    """Return the packages of a lock file with their hashes."""
    found: dict[str, tuple[Requirement, frozenset[str]]] = {}
    for block in re.split(r"\n(?=[a-z])", (ROOT / name).read_text(encoding="utf-8")):
        if not block.startswith("#"):
            requirement = Requirement(block.partition("\\")[0].strip())
            found[requirement.name] = requirement, frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", block))
    return found
