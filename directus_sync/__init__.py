"""Schema as code for Directus 11: judge, push and pull its schema snapshots, between two branches of Alembic."""

import sys

__version__ = "0.1.0"

# httpx loads its own command line, and with it pygments and rich, for a fifth of what a diff takes to start.
# It does without where that can't be loaded, and None makes it so (https://docs.python.org/3/reference/import.html).
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
