"""How errors read."""

from __future__ import annotations

import inspect
import re

from directus_sync import errors
from directus_sync.errors import ApplyUnclear, InvalidSnapshot, SyncError

CLASSES = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, SyncError) and member.__module__ == errors.__name__
]


def test_an_error_reads_as_a_short_form() -> None:
    error = InvalidSnapshot("2 collections exist in no snapshot", where="push of a\nto b", next="keep it\nor lose it")
    error.done = ("pre_0001", "bootstrap")
    assert str(error) == (
        "error[invalid-snapshot]: 2 collections exist in no snapshot\n"
        "  where: push of a\n"
        "         to b\n"
        "  done:  pre_0001, bootstrap\n"
        "  next:  keep it\n"
        "         or lose it"
    )


def test_parts_that_are_not_there_leave_no_line() -> None:
    assert str(SyncError("it broke")) == "error[failed]: it broke"
    assert str(SyncError("it broke", where="", next="")) == "error[failed]: it broke"


def test_every_id_is_given_once_and_is_words_with_hyphens_and_every_exit_code_is_documented() -> None:
    # This only says more of its parent.
    ids = [kind.id for kind in CLASSES if kind is not ApplyUnclear]
    assert sorted(ids) == sorted(set(ids))
    assert [name for name in ids if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)] == []
    assert {kind.exit_code for kind in CLASSES} == {1, 2, 4, 5}
