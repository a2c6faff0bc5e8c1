"""Changes the guard's modules one place at a time, and lists the changes that no test notices: make mutants.

docs/testing.md explains how to read the list, and why some mutants may survive.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SURVIVORS: Final = ROOT / ".stack" / "mutants.txt"
ENOUGH: Final = 0.9

SETTINGS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
# In these modules, only the functions that need no database are mutated. The names are mutmut's.
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "directus_sync/state/fingerprint.py": ("x_is_conclusive__", "x_inputs__", "x__content__", "x_with_version__"),
}
# The exit codes that mutmut records for a killed mutant: those of a failed pytest, and those of a time-out.
_KILLED: Final = frozenset({1, 3, 24, 36, 152, 255, -24})


def main() -> int:
    """Run mutmut, print the count of each module, and write the survivors. Return 1 if too many survive."""
    mutmut = [str(Path(sys.executable).with_name("mutmut"))]
    prefixes = {path: _prefixes(path) for path in SETTINGS["only_mutate"]}
    subprocess.run(
        [*mutmut, "run", *(f"{each}*" for found in prefixes.values() for each in found)], cwd=ROOT, check=True
    )
    alive: list[str] = []
    enough = True
    for path, found in prefixes.items():
        record = json.loads((ROOT / "mutants" / f"{path}.meta").read_text(encoding="utf-8"))
        # The exit code of a mutant that was not tried is None. It counts as a survivor.
        codes = {name: code for name, code in record["exit_code_by_key"].items() if name.startswith(found)}
        living = [name for name, code in codes.items() if code not in _KILLED]
        alive += living
        enough &= len(codes) - len(living) >= ENOUGH * len(codes)
        print(f"{path}: {len(codes) - len(living)} of {len(codes)} killed")  # noqa: T201 - the result
    shown = [
        subprocess.run([*mutmut, "show", name], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in alive
    ]
    SURVIVORS.parent.mkdir(exist_ok=True)
    SURVIVORS.write_text("\n".join(shown), encoding="utf-8")
    print(f"{len(alive)} survived: {SURVIVORS.relative_to(ROOT)}")  # noqa: T201 - the result
    return 0 if enough else 1


def _prefixes(path: str) -> tuple[str, ...]:
    """Return the prefixes of the names of a module's mutants."""
    module = path.removesuffix(".py").replace("/", ".")
    return tuple(f"{module}.{part}" for part in PARTS.get(path, ("",)))


if __name__ == "__main__":
    sys.exit(main())
