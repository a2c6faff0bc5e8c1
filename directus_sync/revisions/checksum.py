"""The checksum of a Python file's code. Ignores comments, docstrings, blank lines and formatting.

This module prints the syntax tree itself, because the output of `ast.dump` differs between Python versions.
Databases store the checksums, so a change in this module can make every applied revision look edited.
"""

from __future__ import annotations

import ast
import hashlib
import json
from typing import Any, Final

# Fields of the syntax tree that do not change what a file does. `kind` is the u of u"text".
_IGNORED_FIELDS: Final = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_LENGTH: Final = 16


def checksum(tree: ast.Module, *, ignored: frozenset[str] = frozenset()) -> str:
    """Return a checksum of 16 hexadecimal digits. ignored: names whose assignments at module level do not count."""
    body = [node for node in tree.body if assigned_name(node) not in ignored]
    text = json.dumps(_plain(body), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def assigned_name(node: ast.stmt) -> str | None:
    """Return the name in `name = value` or `name: type = value`; None for any other statement."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return None


def _plain(value: Any) -> Any:
    """Return a part of a tree as JSON data that is the same in every Python version."""
    match value:
        case ast.Constant():
            return ["Constant", _constant(value.value)]
        case ast.AST():
            fields = {name: _plain(field) for name, field in ast.iter_fields(value) if name not in _IGNORED_FIELDS}
            # Skip empty fields: a newer Python adds fields, such as `type_params`, which are empty in older code.
            return [
                type(value).__name__,
                {name: fields[name] for name in sorted(fields) if fields[name] not in (None, [])},
            ]
        case list():
            return [_plain(item) for item in value if not _is_docstring(item)]
    return value


def _is_docstring(node: Any) -> bool:
    """Return whether a statement consists of a string only. Such a statement has no effect anywhere."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _constant(value: Any) -> Any:
    if isinstance(value, bytes):
        return ["bytes", value.hex()]
    if isinstance(value, complex) or value is Ellipsis:
        return [type(value).__name__, str(value)]
    return value
