"""Prints everything: results to stdout, progress and errors to stderr. Hides passwords and tokens."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Final

from directus_sync import settings
from directus_sync.errors import SyncError
from directus_sync.text import hints

# The version of --json. Raise it when a key is removed or changes its meaning, not when a key is added.
JSON_VERSION: Final = 1
# `note_if_slow` prints only steps that take longer than this.
LONG_SECONDS: Final = 2.0


_LONG: Final = 12
# Printed in place of row values, which may be names, addresses or telephone numbers.
MASKED: Final = "…"
# The values of rows in PostgreSQL's messages: of a key, a whole row, a value that does not fit its type, or JSON.
_IN_MESSAGES: Final = re.compile(
    r"""(?:(?<=\)=)|(?<=\)[ ]=[ ])|(?<=contains[ ]))\(.*\)
    |(?<=:[ ])".*"(?=\s*\Z|\n[A-Z]+:[ ])
    |(?<=value[ ])".*"(?=[ ]is[ ]out[ ]of[ ]range)
    |(?<=Token[ ])".*"(?=[ ]is[ ]invalid)
    |(?<=JSON[ ]data,[ ]line[ ]).*""",
    re.DOTALL | re.VERBOSE,
)
_HARMLESS: Final = re.compile(r"[0-9]{1,6}|true|false|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_hidden: re.Pattern[str] | None = None


def hide(secrets: Iterable[str]) -> None:
    """Replace these values with *** in everything that is printed from now on."""
    global _hidden  # noqa: PLW0603 - all output of the process must use it
    pattern = "|".join(_pattern(secret) for secret in secrets)
    _hidden = re.compile(pattern) if pattern else None


def _pattern(secret: str) -> str:
    """Return the pattern of a secret. A short secret matches only whole words, or it would garble other text."""
    escaped = re.escape(secret)
    return escaped if len(secret) >= _LONG else rf"(?<!\w){escaped}(?!\w)"


_values_shown = False


def show_values() -> None:
    """Show row values in messages from now on."""
    global _values_shown  # noqa: PLW0603 - as above
    _values_shown = True


def shows_values() -> bool:
    """Return whether messages show row values."""
    return _values_shown


def value(given: object) -> str:
    """Return a row value for a message. Masks all but short numbers, booleans and UUIDs: these are no personal data."""
    text = str(given)
    return text if _values_shown or given is None or _HARMLESS.fullmatch(text) else MASKED


def masked(message: str) -> str:
    """Return a message of PostgreSQL in English that came as text only, with the values of rows masked.

    For an error of psycopg2 use `database.reason`, which knows its class.
    """
    return message if _values_shown else _IN_MESSAGES.sub(MASKED, message)


def result(text: str) -> None:
    """Print a result."""
    _print(hints.adapted(text, settings.make_target()), sys.stdout)


_quiet = False


def be_quiet() -> None:
    """Print results and errors only from now on."""
    global _quiet  # noqa: PLW0603 - as above
    _quiet = True


def in_colour(stream: IO[str]) -> bool:
    """Return whether to print in colour: only on a terminal, and unless a setting forbids it."""
    return stream.isatty() and settings.wants_colour()


def note(text: str) -> None:
    """Print a line of progress, or a hint."""
    if not _quiet:
        _print(hints.adapted(text, settings.make_target()), sys.stderr)


def error(problem: SyncError) -> None:
    """Print an error."""
    text = hints.adapted(str(problem), settings.make_target())
    if in_colour(sys.stderr):
        text = re.sub(r"\Aerror\[[^\]]*\]", lambda match: coloured(match.group(), "1;31"), text)
    _print(text, sys.stderr)


def document(values: Mapping[str, Any]) -> None:
    """Print a result as JSON."""
    print(json.dumps(_hide_in({"version": JSON_VERSION, **values}), indent=2, default=str), flush=True)


def json_or_text(values: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print a result as JSON or as text."""
    if as_json:
        document(values)
    else:
        result(text)


def unforeseen(error: BaseException) -> None:
    """Print the traceback of an unexpected error, as Python would, but without secrets."""
    _print("".join(traceback.format_exception(error)).rstrip(), sys.stderr)


class Progress:
    """Prints on stderr what is being done and how long it took, with a spinner on a terminal.

    done: what is finished, and stays if a later step fails; for the message of an error.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        # The Directus that was started: a schema worker, or a whole Directus and why.
        self.directus: str | None = None

    @contextmanager
    def step(self, doing: str, done: str) -> Iterator[None]:
        """Print `doing` when the block begins, and `done` with the time it took when it ends without an error."""
        started = time.monotonic()
        if sys.stderr.isatty() and not _quiet:
            with _spinner(doing):
                yield
        else:
            note(f"{doing} ...")
            yield
        note(f"{done} in {duration(time.monotonic() - started)}")

    def note(self, text: str) -> None:
        """Print a line of progress."""
        note(text)


@contextmanager
def note_if_slow(doing: str) -> Iterator[None]:
    """Print `doing` if the block takes longer than LONG_SECONDS. For steps that are usually fast."""
    timer = threading.Timer(LONG_SECONDS, note, (f"{doing} ...",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _spinner(doing: str) -> Iterator[None]:
    """Show a step and its elapsed time while the block runs."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import Progress as Bar  # noqa: PLC0415 - as above
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - as above

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(doing, total=None)
        yield


def nothing_to_do(seconds: float, *, notes: bool) -> str:
    """Return the last line of a deploy that changed nothing. notes: whether it printed notes about differences."""
    what = "apart from the notes" if notes else "database and Directus equal the checkout"
    return f"Nothing to do{'' if notes else ':'} {what} ({duration(seconds)})"


def duration(seconds: float) -> str:
    """Return a time span in human units."""
    if round(seconds * 1000) < 1000:
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def coloured(text: str, code: str) -> str:
    """Return the text in a colour. code: from ECMA-48, such as 31 for red."""
    return f"\x1b[{code}m{text}\x1b[0m"


def _print(text: str, stream: IO[str]) -> None:
    print(hidden(text), file=stream, flush=True)


def hidden(text: str) -> str:
    """Return a text with its secrets replaced."""
    return text if _hidden is None else _hidden.sub("***", text)


def _hide_in(value: object) -> object:
    """Hide secrets in the values of a document. Once JSON has escaped them, they would not be recognised."""
    if isinstance(value, Mapping):
        return {key: _hide_in(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hide_in(item) for item in value]
    return hidden(value) if isinstance(value, str) else value
