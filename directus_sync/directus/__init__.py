"""Directus as a server: its files, its process, its API."""

import sys
from typing import Any, cast

# httpx also imports its own command line, which takes half of its loading time. If that import fails, it does without.
cast("dict[str, Any]", sys.modules).setdefault("httpx._main", None)
