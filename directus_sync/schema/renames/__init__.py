"""Renames of collections and fields: where Directus stores their names, and how each place is rewritten. Pure."""
