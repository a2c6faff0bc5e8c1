"""Schema as code for Directus 11: judge, push and pull its schema snapshots, between two branches of Alembic."""

__version__ = "0.1.0"
