"""Alembic's revisions: their files and checksums, what a database lacks of a branch, and running it."""
