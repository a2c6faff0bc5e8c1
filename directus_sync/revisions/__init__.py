"""Alembic's revisions: their files and checksums, which ones a database lacks, and applying them."""
