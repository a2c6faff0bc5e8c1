"""Directus as a server: its files, its process and its API."""

import sys
from typing import Any, cast

# httpx also imports its own command line, which takes half of its loading time. This makes that import fail, and httpx
# then goes on without it.
cast("dict[str, Any]", sys.modules).setdefault("httpx._main", None)
