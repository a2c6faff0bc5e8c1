"""Which values a property of an entry's `meta` can have, by the column in which Directus stores it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from directus_sync.text.wording import shown

# By section of a snapshot, and by name.
Properties = Mapping[str, Mapping[str, "Property"]]

# Directus stores these lists as texts, separated by commas.
_LISTS: Final = frozenset({"special", "one_allowed_collections"})
_INTEGERS: Final = 2**31


@dataclass(frozen=True)
class Property:
    """A column of one of Directus's own tables. data_type: as PostgreSQL prints it; length: the limit of a text."""

    name: str
    data_type: str
    required: bool = False
    length: int | None = None

    def fault(self, value: object) -> str:
        """Return what is wrong with the value; empty if Directus stores it unchanged."""
        if value is None:
            return "must not be null" if self.required else ""
        fits, wanted = self._fits(value)
        return "" if fits else f"must be {wanted}, not {shown(value)}"

    def _fits(self, value: object) -> tuple[bool, str]:
        if self.name in _LISTS:
            fits = isinstance(value, list) and all(isinstance(part, str) and part and "," not in part for part in value)
            return fits, "a list of names without commas"
        match self.data_type:
            case "json":
                # PostgreSQL parses a text as JSON, and returns the parsed value.
                return not isinstance(value, str), "a list or a mapping"
            case "boolean":
                return isinstance(value, bool), "true or false"
            case "integer":
                return type(value) is int and -_INTEGERS <= value < _INTEGERS, f"an integer below {_INTEGERS}"
        if self.name == "group" and not value:
            return False, "the name of a group"  # Directus does not make items whose group has an empty name.
        most = f" of at most {self.length} characters" if self.length else ""
        return isinstance(value, str) and not (self.length and len(value) > self.length), f"a text{most}"
