"""Runs a change in the middle of a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def changed_at(owner: object, name: str, change: Callable[[Any], None]) -> Iterator[None]:
    """During the block, call `change` after each call of a function, with that function's result."""
    function = getattr(owner, name)

    def then_change(*arguments: Any, **options: Any) -> Any:
        found = function(*arguments, **options)
        change(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, then_change)
        yield
