"""The tool reads snapshots like Directus's js-yaml, so that the guard judges exactly what is sent."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import yaml

from directus_sync.yaml_files import plain_yaml

JS_YAML = Path(__file__).parent.parent / "fixtures" / "js_yaml.cjs"
# Texts made of these characters are numbers or look like numbers.
SIGNS = "01789abefoxE_+-.:~"
WORDS = [
    *("", "~", "null", "Null", "NULL", "nULL", "true", "True", "TRUE", "tRUE", "false", "False", "FALSE", "=", "<"),
    *("yes", "Yes", "no", "on", "off", "y", "n", "12:30", "12:30:00", "1:30.5", "0x1F", "0X1F", "-0x1f", "+0b101"),
    *("0o17", "0o18", "017", "1_000", "1__0", "1_000_", "_1", "0x_f", "0b_", "1e3", "1.5e3", "1.e+21", ".5e-3", "-.5"),
    *("+.5", "2024-01-01", "2024-1-1", "1.2.3", "11.17.4", "1e", "e1", "- 1", "1 000", ".inf", "-.INF", ".NaN"),
    *("1e999", "1" * 400, "-0x" + "f" * 5000, "0b" + "1" * 1024, "0b" + "1" * 1025, "0x8" + "0" * 254),
]


def node(environ: dict[str, str], function: str, values: object) -> Any:
    """Call a function of Directus's js-yaml for each value; return the results."""
    done = subprocess.run(
        ["node", JS_YAML, function], env=environ, input=json.dumps(values), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


# Pieces that js-yaml quotes, folds or escapes.
PIECES = [
    "a", "Ä", "😀", " ", "  ", "\n", "\n\n", "\t", ":", "#", "-", "'", '"', "|", ">", "*", "&", "!", "%", "@", "`", "{",
    "[", ",", "?", "~", "\u2028", "\ufeff", "\x07", "\x85", "\\", "yes", "null", "1", "0x", "1e3", "2024-01-01", "=",
    "<<", "x" * 90,
]  # fmt: skip


def texts(random: Random) -> str:
    return "".join(random.choices(PIECES, k=random.randrange(7)))


def value(random: Random, depth: int = 0) -> object:
    """Return a random value, as an operator's options can contain."""
    match random.randrange(9 if depth < 4 else 7):
        case 0:
            return random.choice([None, True, False])
        case 1:
            return random.choice([0, -1, 7, 2**40, 0.5, -1.25e-7, 1e21, 1.5e300])
        case 7:
            return [value(random, depth + 1) for _ in range(random.randrange(4))]
        case 8:
            return {texts(random): value(random, depth + 1) for _ in range(random.randrange(4))}
    return texts(random)


def test_values_written_by_directus_are_read_unchanged(stack_environ: dict[str, str]) -> None:
    random = Random(11)
    values = [{"options": value(random)} for _ in range(2000)]
    written = node(stack_environ, "dump", values)
    for meant, content in zip(values, written, strict=True):
        assert typed(plain_yaml.load(content.encode())) == typed(meant), content


def typed(value: object) -> str:
    """Return JSON in which all numbers are floats, as in JavaScript, but booleans are not numbers."""
    read = json.loads(json.dumps(value), parse_int=number, parse_float=number, parse_constant=str)
    return json.dumps(read, sort_keys=True)


def number(text: str) -> float:
    """Return a number. JavaScript writes -0 as 0."""
    return float(text) or 0.0


def test_scalars_are_read_like_directus_reads_them(stack_environ: dict[str, str]) -> None:
    """Compares all texts of up to three of the characters, and some longer texts."""
    texts = [*("".join(signs) for length in (1, 2, 3) for signs in product(SIGNS, repeat=length)), *WORDS]
    documents = [f"a: {text}\n" for text in texts] + [f"{text}: a\n" for text in WORDS]
    compared = 0
    for document, theirs in zip(documents, node(stack_environ, "load", documents), strict=True):
        try:
            ours = plain_yaml.load(document.encode())
        except yaml.YAMLError:
            continue  # the push would be refused
        # js-yaml turns dates into points in time, which Directus turns back into texts.
        if theirs is not None and not re.search(r"[0-9]{4}-", document):
            assert typed(ours) == typed(theirs[0]), document
            compared += 1
    assert compared > 5000
