"""What a revision may not do, found in its source without running it.

Names and SQL must be readable: literals, constants of the module, and loops over those.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNKNOWN = "<unknown>"

# Operations whose second argument is the table; the first is the name of what they make or drop.
NAME_FIRST = {
    "create_check_constraint", "create_exclude_constraint", "create_foreign_key", "create_index", "create_primary_key",
    "create_unique_constraint", "drop_constraint", "drop_index",
}  # fmt: skip
NO_TABLE = {"execute", "f", "get_bind", "get_context", "inline_literal"}
# All else makes or changes tables and columns.
IN_POST = {*NO_TABLE, *NAME_FIRST} - {"create_foreign_key", "create_primary_key"}
RENAMES = {"rename_collection", "rename_field"}
DROPS = {"drop_table", "drop_column"}
RUNS_SQL = {"execute", "scalar", "scalars"}
HELPERS = {
    "add_check": "create_check_constraint", "add_unique": "create_unique_constraint",
    "drop_check": "drop_constraint", "drop_unique": "drop_constraint",
}  # fmt: skip
READING_HELPER = re.compile(r"require_\w+|table_exists")
NAMED_CONSTRUCTS = {"CheckConstraint", "ForeignKeyConstraint", "UniqueConstraint", "ForeignKey"}

SQL_ANYWHERE = {
    r"\b(DROP\s+TABLE|DROP\s+COLUMN|TRUNCATE|DELETE\s+FROM)\b": "loses rows",
    r"%": "`alembic upgrade --sql` prints a percent sign twice",
    r"\bSET\s+(LOCAL\s+|SESSION\s+)?lock_timeout\b": "lock_timeout belongs to env.py",
    r"\bADD\s+(UNIQUE|CHECK|PRIMARY|FOREIGN|EXCLUDE)\b": "a constraint needs a name",
    r"\bINDEX\s+(CONCURRENTLY\s+)?ON\b": "an index needs a name",
    r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+(CONCURRENTLY\s+)?(?!IF\s+NOT\s+EXISTS|CONCURRENTLY\b)\S": "needs IF NOT EXISTS",
}
SQL_IN_POST = {
    r"\bCREATE\s+(\w+\s+)?TABLE\b|\b(ADD|ALTER)\s+COLUMN\b|\bRENAME\b": "tables and columns are Directus's",
    r"\bREFERENCES\b|\bFOREIGN\s+KEY\b": "foreign keys are Directus's",
    r"\bUNIQUE\s*\(\s*\"?\w+\"?\s*\)": "a unique column is Directus's is_unique",
    r"\bCREATE\s+INDEX\b[^;]*\(\s*\"?\w+\"?(\s+(ASC|DESC))?\s*\)": "an indexed column is Directus's is_indexed",
}
SQL_TABLE = re.compile(
    r"\b(?:TABLE|ON|UPDATE(?!\s+ON\b)|INTO|FROM)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?\"?(?:public\"?\.\"?)?(\w+)",
    re.IGNORECASE,
)
CHANGES = re.compile(r"\b(ALTER|CREATE|DROP|UPDATE|INSERT|DELETE|TRUNCATE)\b", re.IGNORECASE)
ONE_COLUMN = re.compile(r"\w+(\s+(ASC|DESC))?", re.IGNORECASE)

Bindings = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One operation, with its arguments as far as they can be read. function: the revision's, such as `upgrade`."""

    line: int
    function: str
    name: str
    arguments: Sequence[Any]
    keywords: Bindings

    def argument(self, position: int, keyword: str) -> Any:
        return self.arguments[position] if len(self.arguments) > position else self.keywords.get(keyword)

    @property
    def table(self) -> Any:
        if self.name in NAME_FIRST:
            return self.argument(1, "source_table" if self.name == "create_foreign_key" else "table_name")
        return self.argument(0, "table_name")


def findings(source: str, branch: str, tables: frozenset[str]) -> list[str]:
    """Return what is banned in a revision, as `line 12: create_index: needs if_not_exists=True`.

    tables: those of the snapshot. Directus's own count as well.
    """
    tree = ast.parse(source)
    constants = _constants(tree)
    found = ["line 1: depends_on ties the branches together"] if constants.get("depends_on") else []
    drops_explained = re.search(r"^Drops: +\S", ast.get_docstring(tree) or "", re.MULTILINE) is not None
    for call in _calls(tree, constants):
        judged = [*_anywhere(call), *(_in_pre(call, tables, drops_explained) if branch == "pre" else _in_post(call))]
        found += [f"line {call.line}: {call.name}: {what}" for what in judged]
    found += [
        f"line {node.lineno}: {what}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for what in _unnamed(node)
    ]
    found += [f"line {line}: {what}" for node in ast.walk(tree) for line, what in _elsewhere(node)]
    return list(dict.fromkeys(found))


def _anywhere(call: Call) -> Iterator[str]:
    if call.name == "batch_alter_table":
        yield "hides what it does, and PostgreSQL does not need it"
    if call.name.startswith("helper "):
        yield "is unknown here; say in tests/migrations/banned.py what it does"
    if call.name in NAME_FIRST and not call.argument(0, "constraint_name"):
        yield "needs a name"
    if call.name == "create_index" and call.keywords.get("if_not_exists") is not True:
        yield "needs if_not_exists=True"
    if call.name == "execute":
        yield from _sql(call, SQL_ANYWHERE)
    elif (call.name not in NO_TABLE and not isinstance(call.table, str)) or call.table == UNKNOWN:
        yield "its table can't be read here; write it as a literal or a constant"


def _in_pre(call: Call, tables: frozenset[str], drops_explained: bool) -> Iterator[str]:
    if call.name in RENAMES:
        return
    if call.name in DROPS and call.function == "upgrade" and not drops_explained:
        yield "loses rows; say why in the docstring, after `Drops:`"
    touched: list[str] = []
    if call.name == "execute":
        sql = str(call.argument(0, "sqltext"))
        touched = SQL_TABLE.findall(sql) if CHANGES.search(sql) else []
    elif call.keywords.get("schema") in {None, "public"} and isinstance(call.table, str):
        touched = [call.table]
    for table in touched:
        if table in tables or table.startswith("directus_"):
            yield f"{table} is Directus's"


def _in_post(call: Call) -> Iterator[str]:
    if call.name == "execute":
        yield from _sql(call, SQL_IN_POST)
        return
    if call.name not in IN_POST:
        yield "tables, columns and foreign keys are Directus's"
    if call.name not in {"create_unique_constraint", "create_index"}:
        return
    columns = call.argument(2, "columns")
    if not isinstance(columns, tuple):
        yield "its columns can't be read here; write them as literals or constants"
        return
    # Directus takes a unique index for nothing of its own: to it, unique is a constraint.
    partial = call.keywords.get("unique") is True and "postgresql_where" in call.keywords
    if len(columns) == 1 and ONE_COLUMN.fullmatch(str(columns[0])) and not partial:
        yield "one column alone is Directus's is_unique or is_indexed"


def _sql(call: Call, banned: Mapping[str, str]) -> Iterator[str]:
    sql = call.argument(0, "sqltext")
    if not isinstance(sql, str) or sql == UNKNOWN:
        yield "its SQL can't be read here; write it as a literal"
        return
    for pattern, what in banned.items():
        if re.search(pattern, sql, re.IGNORECASE):
            yield what


def _unnamed(node: ast.Call) -> Iterator[str]:
    if not isinstance(node.func, ast.Attribute):
        return
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    if node.func.attr in NAMED_CONSTRUCTS and "name" not in keywords:
        yield f"{node.func.attr}: needs a name"
    if node.func.attr == "Column" and keywords.keys() & {"unique", "index"}:
        yield "Column: unique and index make names of their own; use an operation with a name"


def _elsewhere(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what a revision takes from another file: an edit there would not change the revision's checksum."""
    modules: list[str] = []
    match node:
        case ast.Call(func=ast.Name(id="open") | ast.Attribute(attr="open" | "read_text" | "read_bytes")):
            yield node.lineno, "reads a file, which its checksum misses"
        case ast.ImportFrom(module="migrations", names=[ast.alias(name="ddl")], level=0):
            return
        case ast.ImportFrom(module=module, level=level):
            modules = [f"{'.' * level}{module or ''}"]
        case ast.Import(names=names):
            modules = [alias.name for alias in names]
    for module in modules:
        if module.partition(".")[0] in {"", "migrations", "tests", "tools"}:
            yield getattr(node, "lineno", 0), f"imports {module}, which its checksum misses; migrations.ddl is known"


def _constants(tree: ast.Module) -> dict[str, Any]:
    constants: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = _value(node.value, constants)
    return constants


def _calls(tree: ast.Module, constants: Bindings) -> Iterator[Call]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            unknown = {argument.arg: UNKNOWN for argument in node.args.args}
            yield from _calls_in(node.body, {**constants, **unknown}, node.name)


def _calls_in(body: Iterable[ast.AST], bindings: Bindings, function: str) -> Iterator[Call]:
    for node in body:
        if isinstance(node, ast.For):
            for bound in _iterations(node, bindings):
                yield from _calls_in(node.body, {**bindings, **bound}, function)
            continue
        if isinstance(node, ast.Call) and (name := _operation(node)):
            keywords = {keyword.arg: _value(keyword.value, bindings) for keyword in node.keywords if keyword.arg}
            values = [_value(argument, bindings) for argument in node.args]
            if isinstance(node.func, ast.Attribute) and node.func.attr in {"add_check", "add_unique"}:
                values = [values[2], values[0], values[1]]
            elif isinstance(node.func, ast.Attribute) and node.func.attr in {"drop_check", "drop_unique"}:
                values = [values[1], values[0]]
            yield Call(node.lineno, function, name, values, keywords)
        yield from _calls_in(ast.iter_child_nodes(node), bindings, function)


def _operation(node: ast.Call) -> str | None:
    """Return the operation that a call is or stands for; None for what only reads or is none."""
    if not isinstance(node.func, ast.Attribute):
        return None
    name, target = node.func.attr, node.func.value
    if isinstance(target, ast.Name) and target.id == "op":
        return name
    if isinstance(target, ast.Name) and target.id == "ddl":
        return None if READING_HELPER.fullmatch(name) else HELPERS.get(name, f"helper {name}")
    return "execute" if name in RUNS_SQL else None


def _iterations(loop: ast.For, bindings: Bindings) -> Iterator[dict[str, Any]]:
    items = _value(loop.iter, bindings)
    names = [node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)]
    if not isinstance(items, tuple):
        yield dict.fromkeys(names, UNKNOWN)
        return
    for item in items:
        yield dict(zip(names, item if isinstance(loop.target, ast.Tuple) else (item,), strict=True))


def _items(node: ast.AST, bindings: Bindings) -> tuple[Any, ...]:
    if not isinstance(node, ast.Starred):
        return (_value(node, bindings),)
    value = _value(node.value, bindings)
    return value if isinstance(value, tuple) else (UNKNOWN,)


def _value(node: ast.AST, bindings: Bindings) -> Any:
    value: Any = UNKNOWN
    match node:
        case ast.Constant():
            value = node.value
        case ast.Name():
            value = bindings.get(node.id, UNKNOWN)
        case ast.Tuple() | ast.List():
            value = tuple(item for element in node.elts for item in _items(element, bindings))
        case ast.JoinedStr():
            value = "".join(str(_value(part, bindings)) for part in node.values)
        case ast.FormattedValue():
            value = _value(node.value, bindings)
        case ast.BinOp(op=ast.Add()):
            value = f"{_value(node.left, bindings)}{_value(node.right, bindings)}"
        case ast.Call(func=ast.Attribute(attr="text" | "f"), args=[text, *_]):
            value = _value(text, bindings)
    return value
