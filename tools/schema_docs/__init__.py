"""Generates the pages about the data model from snapshots/. Not part of directus-sync, and not in its image."""
