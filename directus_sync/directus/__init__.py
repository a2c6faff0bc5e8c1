"""Directus as a server: its files, its process, its API."""

import sys
from typing import Any, cast

# Half of what it takes to load httpx is its own command line, which it goes without where that can't be imported.
cast("dict[str, Any]", sys.modules).setdefault("httpx._main", None)
