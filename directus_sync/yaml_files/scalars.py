"""Reads and writes scalars as js-yaml does, which Directus uses."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from yaml import SafeLoader as _SafeLoader
else:
    # LibYAML's loader, if PyYAML was built with it, is ten times as fast.
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TAG: Final = "tag:yaml.org,2002:"


class Loader(_SafeLoader):
    """Reads scalars as js-yaml does, which Directus uses: `yes`, `1:30` and `0x_` are text, 1e3 is a number.

    Dates stay text, as in JSON.
    """

    def number(self, node: yaml.ScalarNode) -> object:
        """Construct a number. Anything else stays text."""
        digits = node.value.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan")
        for read in (partial(_integer, base=10), partial(_integer, base=0), float):
            # Python also raises ValueError for an integer of thousands of digits.
            with suppress(ValueError):
                return read(digits)
        return node.value

    def boolean(self, node: yaml.ScalarNode) -> object:
        """Construct true or false. Anything else stays text."""
        return {"true": True, "false": False}.get(node.value.lower(), node.value)


# The patterns of js-yaml 4.1.1, lib/type/. Each is tried on scalars that begin with one of its characters.
Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", "~|null|Null|NULL|", ["", *"~nN"]),
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", "[-+]?(0b[01_]*[01]|0o[0-7_]*[0-7]|0x[0-9a-fA-F_]*[0-9a-fA-F]|[0-9]([0-9_]*[0-9])?)", "-+0123456789"),
    ("float", "([-+]?[0-9][0-9_]*(\\.[0-9_]*)?|\\.[0-9_]+)([eE][-+]?[0-9]+)?(?<!_)", "-+.0123456789"),
    ("float", "[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)", "-+."),
    ("merge", "<<", "<"),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))
for _tag, _constructor in {
    "bool": Loader.boolean,
    "int": Loader.number,
    "float": Loader.number,
}.items():
    Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _constructor)


class Dumper(yaml.SafeDumper):
    """Writes texts so that both PyYAML and js-yaml read them as texts, and repeats values instead of using aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Return True, so that no alias is written."""
        return True


Dumper.yaml_implicit_resolvers = {
    first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, ()), *Loader.yaml_implicit_resolvers.get(first, ())]
    for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *Loader.yaml_implicit_resolvers}
}


def scalar(text: str) -> yaml.ScalarNode:
    """Return a node for a single text, such as a cell of a table. It has no line."""
    loader: Any = Loader(b"")
    return yaml.ScalarNode(loader.resolve(yaml.ScalarNode, text, (True, False)), text)


def value(node: yaml.Node) -> object:
    """Return the value of a node of `tree`, as `load` would."""
    return Loader(b"").construct_document(node)


def dump(document: object) -> bytes:
    """Return YAML that `load` reads as the same document."""
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True).encode()


def _integer(digits: str, base: int) -> float:
    """Return an integer; infinity if it is too large for JavaScript's numbers, which are floats."""
    value = int(digits, base)
    try:
        float(value)
    except OverflowError:
        return -math.inf if value < 0 else math.inf
    return value
