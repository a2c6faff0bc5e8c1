"""Directus's schema as data: snapshots, their differences, and the guard that judges them. No network, no database."""
