"""Reads the revision files of a checkout without running them: their order, their checksums, and their errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

from directus_sync.errors import InvalidRevisions
from directus_sync.revisions.checksum import assigned_name, checksum
from directus_sync.text.wording import cut

# A revision's position, which `make renumber` changes. It does not count for the checksum.
_POSITION: Final = frozenset({"revision", "down_revision"})
_ACCEPTED: Final = re.compile(r"^Edited: +([0-9a-f]{16}) +\S", re.MULTILINE)
_RENUMBER: Final = "make renumber"


@dataclass(frozen=True)
class Revision:
    """One revision file. parent: the id of the revision before it, None for the first of a branch."""

    path: Path
    id: str
    parent: str | None
    tree: ast.Module = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The whole name, such as `post_0011_leave_a_missing_outline_to_not_null`."""
        return self.path.stem

    @property
    def number(self) -> int:
        """The number in its id."""
        return int(self.id.rpartition("_")[2])

    @cached_property
    def checksum(self) -> str:
        """The checksum of the file's code, without the revision's position."""
        return checksum(self.tree, ignored=_POSITION)

    @property
    def accepted(self) -> frozenset[str]:
        """Older checksums that the lines `Edited: <checksum> <reason>` of its docstring accept."""
        return frozenset(_ACCEPTED.findall(ast.get_docstring(self.tree) or ""))


def checksum_of(content: bytes) -> str:
    """Return the checksum of a revision's source code. Raises SyntaxError."""
    return checksum(ast.parse(content), ignored=_POSITION)


def paths(versions: Path, branch: str) -> list[Path]:
    """Return the files of a branch, sorted by name."""
    return sorted((versions / branch).glob("*.py"))


def head_path(versions: Path, branch: str) -> Path:
    """Return the file that names the branch's newest revision."""
    return versions / f"{branch.upper()}_HEAD"


def numbered(branch: str, number: int) -> str:
    """Return the revision id with this number."""
    return f"{branch}_{number:04d}"


def write_head(versions: Path, branch: str, name: str) -> None:
    """Write the name of the branch's newest revision to its HEAD file."""
    head_path(versions, branch).write_text(f"{name}\n", encoding="utf-8")


def head_id(versions: Path, branch: str) -> str:
    """Return the id of the revision that the HEAD file names. Raises InvalidRevisions."""
    path = head_path(versions, branch)
    named = _head_text(path)
    found = re.match(rf"{branch}_\d{{4}}(?![0-9])", named)
    if found is None:
        raise InvalidRevisions(
            f"{path.name} names no {branch} revision: it says {cut(named.splitlines()[0])!r}"
            if named
            else f"{path.name} is missing or empty",
            where=relative_path(path),
            next=f"{_RENUMBER}\nit writes the name of the newest revision there",
        )
    return found[0]


def ordered(versions: Path, branch: str) -> tuple[Revision, ...]:
    """Return the revisions of a branch, the oldest first.

    Raises InvalidRevisions unless they form one line that ends with the revision in the HEAD file.
    """
    files = read(versions, branch)
    known = {file.id for file in files}
    for file in files:
        same = [other for other in files if other.id == file.id]
        if len(same) > 1:
            raise _not_in_line(f"files are revision {file.id}", same)
        if file.parent is not None and file.parent not in known:
            raise InvalidRevisions(
                f"{file.name} comes after {file.parent}, and the branch {branch} has no such revision",
                where=relative_path(file.path),
                next=f"restore the file of {file.parent} from git, or correct down_revision",
            )
    found: list[Revision] = []
    while following := [file for file in files if file.parent == (found[-1].id if found else None)]:
        if len(following) > 1:
            what = f"revisions come after {found[-1].id}" if found else f"revisions begin the branch {branch}"
            raise _not_in_line(what, following)
        found += following
    _require_whole(versions, branch, found, [file for file in files if file not in found])
    return tuple(found)


def read(versions: Path, branch: str) -> list[Revision]:
    """Return the revisions of a branch in the order of their file names. Two can have the same id.

    Raises InvalidRevisions for a file that is not a revision of this branch.
    """
    return [_read(path, branch) for path in paths(versions, branch)]


def relative_path(path: Path) -> str:
    """Return a path relative to the project's root."""
    return "/".join(path.parts[path.parts.index("migrations") :] if "migrations" in path.parts else path.parts[-2:])


def _read(path: Path, branch: str) -> Revision:
    try:
        return _interpreted(path, path.read_bytes(), branch)
    except OSError as error:
        raise InvalidRevisions(
            f"{path.name} can't be read: {error.strerror}",
            where=relative_path(path),
            next="give yourself the right to read it, or restore it from git",
        ) from error


# Cached, because the files are read before and after each revision of a deploy, and parsing all takes 20 ms.
@lru_cache(maxsize=1024)
def _interpreted(path: Path, content: bytes, branch: str) -> Revision:
    tree = _parsed(path, content)
    values = {name: node for node in tree.body if (name := assigned_name(node)) in _POSITION}
    own, parent = (_literal(values.get(name)) for name in ("revision", "down_revision"))
    if isinstance(parent, tuple | list) or (isinstance(parent, str) and parent.startswith("(")):
        raise InvalidRevisions(
            f"{path.name} merges revisions: {parent}",
            where=relative_path(path),
            next=f"delete it: pre and post are never merged\nto put two revisions of one branch in line: {_RENUMBER}",
        )
    named = isinstance(own, str) and re.fullmatch(rf"{branch}_\d{{4}}", own) and path.stem.startswith(f"{own}_")
    if not named or not (parent is None or isinstance(parent, str)):
        raise InvalidRevisions(
            f"{path.name} has revision {own!r} and down_revision {parent!r}",
            where=relative_path(path),
            next=f"the file is named <id>_<what it does>.py, and the id is {branch}_ with four digits;"
            f' make a new one with: make {branch} m="..."',
        )
    return Revision(path, str(own), parent, tree)


def _parsed(path: Path, content: bytes) -> ast.Module:
    try:
        return ast.parse(content, path.name)
    except (SyntaxError, ValueError) as error:
        number = getattr(error, "lineno", None)
        raise InvalidRevisions(
            f"{path.name} is not Python: {getattr(error, 'msg', error)}",
            where=f"{relative_path(path)}:{number}" if number else relative_path(path),
            next=f"correct the file, or restore it: git checkout -- {relative_path(path)}",
        ) from error


def _literal(node: ast.stmt | None) -> Any:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if value is None:
        return None
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError):
        return ast.unparse(value)


def _require_whole(versions: Path, branch: str, found: Sequence[Revision], rest: Sequence[Revision]) -> None:
    """Raise InvalidRevisions unless the line has all files, and the HEAD file names the last of them."""
    if rest:
        raise InvalidRevisions(
            f"these revisions come after each other in a circle: {_names(rest)}",
            where=_where(rest),
            next="restore down_revision in their files from git",
        )
    if not found:
        raise InvalidRevisions(f"the branch {branch} has no revision", next="restore migrations/versions from git")
    path, newest = head_path(versions, branch), found[-1]
    if _head_text(path) != newest.name:
        head_id(versions, branch)
        raise InvalidRevisions(
            f"{path.name} names {_head_text(path)}, and the newest revision is {newest.name}",
            where=f"{relative_path(path)}\n{relative_path(newest.path)}",
            next=f"if {newest.name} is the newest: {_RENUMBER}\nelse restore the missing revision file from git",
        )


def _head_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _not_in_line(what: str, group: Sequence[Revision]) -> InvalidRevisions:
    number = {2: "two", 3: "three"}.get(len(group), str(len(group)))
    return InvalidRevisions(
        f"{number} {what}: {_names(group)}",
        where=_where(group),
        next=f"{_RENUMBER}\nit keeps the revision that the main branch has, and puts the newer one on top\n"
        f"to choose the one that moves: {_RENUMBER} r={group[-1].name}",
    )


def _names(files: Iterable[Revision]) -> str:
    return " and ".join(file.name for file in files)


def _where(files: Iterable[Revision]) -> str:
    return "\n".join(relative_path(file.path) for file in files)
