"""Parses README.md and docs/*.md into sections, tables, fenced blocks and code."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from directus_sync.settings import ROOT

PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_GENERATED = re.compile(r"^<!-- generated: (.+) -->\n(.*?)^<!-- end -->$", re.DOTALL | re.MULTILINE)


def read(name: str) -> str:
    """Return the text of a page, such as README.md or docs/guard.md."""
    return (ROOT / name).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """Remove the fenced blocks from a text."""
    return _FENCE.sub("", text)


def blocks(text: str, info: str) -> list[str]:
    """Return the fenced blocks with this info string."""
    return [textwrap.dedent(body) for _, found, body in _FENCE.findall(text) if found == info]


def code(page: Path) -> Iterator[str]:
    """Yield the fenced blocks and the code spans of a page, without the JSON examples."""
    text = page.read_text(encoding="utf-8")
    yield from (textwrap.dedent(body) for _, info, body in _FENCE.findall(text) if not info.startswith("json"))
    yield from spans(text)


def spans(text: str) -> list[str]:
    """Return the code spans."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def section(text: str, heading: str) -> str:
    """Return the text below a heading, up to the next heading of its level."""
    found = re.search(
        rf"^(?P<level>#+) {re.escape(heading)}$(?P<body>.*?)(?=^(?P=level) |^# |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found is not None, heading
    return found["body"]


def generated_names() -> list[str]:
    """Return the names of the generated tables on all pages."""
    return [name for page in PAGES for name, _ in _GENERATED.findall(page.read_text(encoding="utf-8"))]


def generated(name: str) -> str:
    """Return the text of one generated table."""
    found = (_GENERATED.findall(page.read_text(encoding="utf-8")) for page in PAGES)
    (body,) = (body for pairs in found for known, body in pairs if known == name)
    return str(body)


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row, including headers and rulers."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in re.findall(r"^\|.*\|$", text, re.M)]


def table(text: str) -> dict[str, list[str]]:
    """Return the rows whose first cell is one name in backticks: the other cells by this name."""
    return {row[0].strip("`"): row[1:] for row in rows(text) if re.fullmatch(r"`[^`]+`", row[0])}


def anchors(text: str) -> set[str]:
    """Return the anchors that Gitea and GitHub give a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
