"""Something that happens while a command is at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def changed_at(owner: object, name: str, change: Callable[[Any], None]) -> Iterator[None]:
    """Have `change` follow a function with what it returned."""
    function = getattr(owner, name)

    def then_change(*arguments: Any, **options: Any) -> Any:
        found = function(*arguments, **options)
        change(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, then_change)
        yield
