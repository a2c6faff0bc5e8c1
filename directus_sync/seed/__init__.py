"""Rows that belong to the product, from files to Directus: read, planned in full, then written. docs/seeds.md."""
