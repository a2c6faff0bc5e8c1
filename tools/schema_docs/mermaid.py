"""Entity-relationship diagrams in Mermaid. Owns the syntax, and replaces characters that Mermaid cannot quote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from tools.schema_docs.model import Field, Relation, Table

# Shorter names for types: long ones make wide boxes.
_SHORT: Final = {
    "boolean": "boolean",
    "character varying": "varchar",
    "double precision": "double",
    "time without time zone": "time",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}
# Mermaid reads these words as key markers, in lower case too.
_MARKS: Final = {"pk", "fk", "uk"}


def diagram(tables: Sequence[Table], relations: Iterable[Relation]) -> str:
    """Draw the tables with their columns, and their relations; a table that is only referred to is an empty box."""
    names = {table.name for table in tables}
    relations = [each for each in relations if each.table in names or names & {*each.related}]
    foreign = {(each.table, field) for each in relations if each.on_delete is not None for field in each.fields}
    lines = ["erDiagram"]
    # The referenced table comes first, because Mermaid puts the first one above.
    for each in relations:
        lines += (_line(each, other) for other in each.related if each.table in names or other in names)
    for table in tables:
        columns = [
            f"    {_type(field.sql)} {_attribute(field.name)}{_marks(field, (table.name, field.name) in foreign)}"
            for field in table.fields
            if field.sql is not None and not field.bookkeeping
        ]
        lines += [f'  "{_entity(table.name)}" {{', *columns, "  }"] if columns else [f'  "{_entity(table.name)}"']
    return "\n".join(lines) + "\n"


def _line(relation: Relation, other: str) -> str:
    one = "|o" if relation.optional or len(relation.related) > 1 else "||"
    many = "o|" if relation.single else "o{"
    line = "--" if relation.on_delete is not None else ".."
    label = ", ".join(map(_entity, relation.fields))
    return f'  "{_entity(other)}" {one}{line}{many} "{_entity(relation.table)}" : "{label}"'


def _marks(field: Field, foreign: bool) -> str:
    marks = [mark for mark, holds in (("PK", field.primary), ("FK", foreign), ("UK", field.unique)) if holds]
    return (f" {', '.join(marks)}" if marks else "") + (' "null"' if field.nullable else "")


def _type(sql: str | None) -> str:
    text = sql or ""
    if text.startswith("geometry("):
        return f"geometry({_word(text.removeprefix('geometry(').partition(',')[0])})"
    # numeric(10,5), and timestamp(3) with time zone.
    plain = re.sub(r"\([^)]*\)", "", text)
    return _word(_SHORT.get(plain, plain))


def _attribute(name: str) -> str:
    word = _word(name)
    return f"_{word}" if word.lower() in _MARKS else word


def _word(name: str) -> str:
    """Return a name that Mermaid accepts for a type or column; these cannot be quoted."""
    word = re.sub(r"[^A-Za-z0-9_\[\]\u00C0-\uFFFF]", "_", name)
    return word if re.match(r"[A-Za-z_\u00C0-\uFFFF]", word) else f"_{word}"


def _entity(name: str) -> str:
    """Return a name that Mermaid accepts in quotes. Even in quotes `direction TB` is a command."""
    return re.sub(r"[^\w.-]", "_", name)
