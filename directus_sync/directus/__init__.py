"""Directus as a server: its files, its process, its API."""
