"""Reads rows of a seed file from a CSV file. Its first line names the fields; each cell is read as a YAML value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from directus_sync.errors import InvalidSeed
from directus_sync.yaml_files import plain_yaml, scalars


def read(path: Path, named: str) -> Iterator[tuple[str, Mapping[str, yaml.Node]]]:
    """Yield `file:line` and the fields of each row. An empty cell is null. named: the `file:line` that names the file.

    Raises InvalidSeed with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidSeed(f"{path} can't be read: {why}", where=named, next="correct its name or the file") from error
    header: list[str] = []
    for line, cells in _lines(text, path):
        where = f"{path}:{line}"
        if not header:
            header = cells
            if len({*header}) < len(header) or not all(header):
                raise InvalidSeed("the first line must name each field once", where=where, next="correct it")
            continue
        if len(cells) != len(header):
            what = f"the line has {len(cells)} cells, and the first line names {len(header)} fields"
            raise InvalidSeed(what, where=where, next="correct it")
        yield where, {name: _node(cell, path, line) for name, cell in zip(header, cells, strict=True)}


def _lines(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each record that is not blank, with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begin = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begin, [cell.strip() for cell in cells]
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InvalidSeed(f"the file is not CSV: {error}", where=f"{path}:{begin}", next="correct that line") from error


def _node(cell: str, path: Path, line: int) -> yaml.Node:
    if plain_yaml.NUL in cell:
        raise InvalidSeed(f"a cell has {plain_yaml.NO_NUL}", where=f"{path}:{line}", next="correct that line")
    node: yaml.Node | None = None
    if cell.startswith(("{", "[")):
        try:
            node = plain_yaml.tree(cell.encode(), line - 1)
        except plain_yaml.Unreadable as error:
            what = f"a cell can't be used: {error.reason}"
            raise InvalidSeed(what, where=f"{path}:{line}", next="correct that line") from error
    return node or scalars.scalar(cell)
