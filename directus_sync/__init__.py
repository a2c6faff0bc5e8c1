"""Schema as code for Directus 11: judge, push and pull schema snapshots, between two branches of Alembic revisions."""

__version__ = "0.1.0"
