"""Finds banned operations in the SQL that a revision prints."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from io import StringIO
from types import ModuleType

from alembic.migration import MigrationContext
from alembic.operations import Operations

from migrations import operations  # noqa: F401 - its operations become part of `op`

CONSTRAINT = r"(UNIQUE(\s+NULLS\s+NOT\s+DISTINCT)?|CHECK|FOREIGN\s+KEY|EXCLUDE\s+USING\s+\w+)"
ANYWHERE = {
    # AFTER TRUNCATE ON a table is a trigger.
    r"\b(TRUNCATE(?!\s+ON\b)|DELETE\s+FROM)\b": "loses rows",
    r"%": "`alembic upgrade --sql` prints a percent sign twice",
    r"\bSET\s+(LOCAL\s+|SESSION\s+)?lock_timeout\b": "lock_timeout belongs to env.py",
    rf"\b{CONSTRAINT}\s*\(": "a constraint needs a name",
    r"\bINDEX\s+(CONCURRENTLY\s+)?(IF\s+NOT\s+EXISTS\s+)?ON\b": "an index needs a name",
    r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+(CONCURRENTLY\s+)?(?!IF\s+NOT\s|CONCURRENTLY\b|ON\b)\S": "needs IF NOT EXISTS",
}  # fmt: skip
IN_UPGRADES = {r"\bDROP\s+(TABLE|COLUMN)\b": "loses rows; say why in the docstring, after `Drops:`"}
IN_POST = {
    r"\bCREATE\s+(\w+\s+)?TABLE\b|\bDROP\s+TABLE\b|\b(ADD|ALTER|DROP)\s+COLUMN\b|\bRENAME\b|\$rename\$":
        "tables and columns are Directus's",
    r"\bREFERENCES\b|\bFOREIGN\s+KEY\b": "foreign keys are Directus's",
    r"\bUNIQUE\s*\(\s*\"?\w+\"?\s*\)": "a unique column is Directus's is_unique",
    # Directus ignores partial indexes.
    r"\bCREATE\s+(UNIQUE\s+)?INDEX\b[^;(]*\(\s*\"?\w+\"?(\s+(ASC|DESC))?\s*\)(?!\s*WHERE)":
        "an indexed column is Directus's is_indexed",
}  # fmt: skip
TABLE = re.compile(
    r"\b(?:TABLE|ON|UPDATE(?!\s+ON\b)|INTO|FROM)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?\"?(?:public\"?\.\"?)?(\w+)\b(?!\"?\.)",
    re.IGNORECASE,
)
NAMED = re.compile(rf"\bCONSTRAINT\s+\"?\w+\"?\s+{CONSTRAINT}", re.IGNORECASE)
CHANGES = re.compile(r"\b(ALTER|CREATE|DROP|UPDATE|INSERT|DELETE|TRUNCATE)\b", re.IGNORECASE)
# The body of a function runs only when it is called. A DO block runs at once.
FUNCTION_BODY = re.compile(r"(\bCREATE\s+OR\s+REPLACE\s+FUNCTION\b[^$]*)\$\$.*?\$\$", re.IGNORECASE | re.DOTALL)
DROPS_EXPLAINED = re.compile(r"^Drops: +\S", re.MULTILINE)


def findings(revision: ModuleType, branch: str, tables: frozenset[str]) -> list[str]:
    """Return the banned operations in a revision. tables: the tables of the snapshot, besides Directus's own."""
    up, down = printed(revision, "upgrade"), printed(revision, "downgrade")
    found = _matching(FUNCTION_BODY.sub(r"\1", NAMED.sub("", up + down)), ANYWHERE)
    if not DROPS_EXPLAINED.search(revision.__doc__ or ""):
        found += _matching(up, IN_UPGRADES)
    if branch == "post":
        return found + _matching(up + down, IN_POST)
    touched = {
        table
        for statement in (up + down).split(";")
        # A pre revision may touch Directus's tables only to rename.
        if CHANGES.search(statement) and "$rename$" not in statement
        for table in TABLE.findall(statement)
    }
    return found + [f"{table} is Directus's" for table in touched if table in tables or table.startswith("directus_")]


def printed(revision: ModuleType, function: str) -> str:
    """Return the SQL of a revision's function as `alembic upgrade --sql` prints it."""
    output = StringIO()
    options = {"as_sql": True, "literal_binds": True, "output_buffer": output}
    with Operations.context(MigrationContext.configure(dialect_name="postgresql", opts=options)):
        getattr(revision, function)()
    return output.getvalue()


def _matching(sql: str, banned: dict[str, str]) -> list[str]:
    return [what for pattern, what in banned.items() if re.search(pattern, sql, re.IGNORECASE)]


def taken_from_elsewhere(source: str) -> list[str]:
    """Return the uses of other files in a revision, which its checksum does not cover."""
    return [what for node in ast.walk(ast.parse(source)) for what in _elsewhere(node)]


def _elsewhere(node: ast.AST) -> Iterator[str]:
    """Yield each use of another file, whose edits would not change the checksum."""
    modules: list[str] = []
    match node:
        case ast.Call(func=ast.Name(id="open") | ast.Attribute(attr="open" | "read_text" | "read_bytes")):
            yield "reads a file, which its checksum misses"
        case ast.ImportFrom(module="migrations", names=[ast.alias(name="ddl")], level=0):
            return
        case ast.ImportFrom(module=module, level=level):
            modules = [f"{'.' * level}{module or ''}"]
        case ast.Import(names=names):
            modules = [alias.name for alias in names]
    for module in modules:
        if module.partition(".")[0] in {"", "migrations", "tests", "tools"}:
            yield f"imports {module}, which its checksum misses; migrations.ddl is known"
