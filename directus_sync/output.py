"""Everything that is printed: results to stdout, progress and errors to stderr; hides passwords and tokens."""

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

# The form of --json: raised when a key changes its meaning or goes away, not when one is added.
JSON_VERSION: Final = 1
# Whoever waits for longer wonders what for.
LONG_SECONDS: Final = 2.0


_LONG: Final = 12
# What stands for a value of a row: it may be a name, an address or a telephone number.
MASKED: Final = "…"
_HARMLESS: Final = re.compile(r"[0-9]{1,6}|true|false|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_hidden: re.Pattern[str] | None = None


def hide(secrets: Iterable[str]) -> None:
    """Replace these values by *** in everything that is printed from now on."""
    global _hidden  # noqa: PLW0603 - one process, one output, and no line may escape it
    pattern = "|".join(_pattern(secret) for secret in secrets)
    _hidden = re.compile(pattern) if pattern else None


def _pattern(secret: str) -> str:
    """Return the expression for a secret. A short one must stand alone, or it would garble words."""
    escaped = re.escape(secret)
    return escaped if len(secret) >= _LONG else rf"(?<!\w){escaped}(?!\w)"


_values_shown = False


def show_values() -> None:
    """Show values of rows in messages from now on."""
    global _values_shown  # noqa: PLW0603 - as above
    _values_shown = True


def value(given: object) -> str:
    """Return a value of a row for a message. Ids and numbers tell nothing about a person; the rest is masked."""
    text = str(given)
    return text if _values_shown or given is None or _HARMLESS.fullmatch(text) else MASKED


def detail(text: str) -> str:
    """Return what PostgreSQL says of a key, such as `Key (email)=(a@b) already exists.`, without the values."""
    return text if _values_shown else re.sub(r"\)=\(.*\)", f")={MASKED}", text)


def result(text: str) -> None:
    """Print a result, and what to do next."""
    _print(hints.of(text, settings.make_target()), sys.stdout)


_quiet = False


def be_quiet() -> None:
    """Print results and errors only from now on."""
    global _quiet  # noqa: PLW0603 - as above
    _quiet = True


def in_colour(stream: IO[str]) -> bool:
    """Tell whether to write to a stream in colour: a terminal that nobody forbade it for."""
    return stream.isatty() and settings.wants_colour()


def note(text: str) -> None:
    """Print a line of progress, or a hint."""
    if not _quiet:
        _print(hints.of(text, settings.make_target()), sys.stderr)


def error(problem: SyncError) -> None:
    """Print an error."""
    text = hints.of(str(problem), settings.make_target())
    if in_colour(sys.stderr):
        text = re.sub(r"\Aerror\[[^\]]*\]", lambda match: coloured(match.group(), "1;31"), text)
    _print(text, sys.stderr)


def document(values: Mapping[str, Any]) -> None:
    """Print a result for machines."""
    print(json.dumps(_hide_in({"version": JSON_VERSION, **values}), indent=2, default=str), flush=True)


def either(values: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print a result for machines or for people."""
    if as_json:
        document(values)
    else:
        result(text)


def unforeseen(error: BaseException) -> None:
    """Print the traceback of an error that has no name, as Python would, but without secrets."""
    _print("".join(traceback.format_exception(error)).rstrip(), sys.stderr)


class Progress:
    """Says on stderr what is being done and how long it took, with a spinner on a terminal.

    done: what was finished and stays, whatever comes after it; for the message of an error.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        # What was started for it: a schema worker or a whole Directus, and why.
        self.directus: str | None = None

    @contextmanager
    def step(self, doing: str, done: str) -> Iterator[None]:
        """Print `doing` when the block begins and `done` with the time when it ends well."""
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
def if_it_lasts(doing: str) -> Iterator[None]:
    """Print `doing` once if the block takes longer than LONG_SECONDS; for what is usually done at once."""
    timer = threading.Timer(LONG_SECONDS, note, (f"{doing} ...",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _spinner(doing: str) -> Iterator[None]:
    """Show a step with its seconds while the block runs."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import Progress as Bar  # noqa: PLC0415 - as above
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - as above

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(doing, total=None)
        yield


def nothing_to_do(seconds: float, *, notes: bool) -> str:
    """Return the last line of a deploy that changed nothing. notes: whether it listed differences in notes."""
    what = "but what the notes say" if notes else "database and Directus equal the checkout"
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
    """Return the text in a colour; code: of ECMA-48, such as 31 for red."""
    return f"\x1b[{code}m{text}\x1b[0m"


def _print(text: str, stream: IO[str]) -> None:
    print(hidden(text), file=stream, flush=True)


def hidden(text: str) -> str:
    """Return a text without the secrets in it."""
    return text if _hidden is None else _hidden.sub("***", text)


def _hide_in(value: object) -> object:
    """Hide secrets before JSON escapes them beyond recognition, and leave its own syntax alone."""
    if isinstance(value, Mapping):
        return {key: _hide_in(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hide_in(item) for item in value]
    return hidden(value) if isinstance(value, str) else value
