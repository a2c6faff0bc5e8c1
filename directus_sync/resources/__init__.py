"""Rows of Directus as code: a generic engine, a declaration of each kind of row, and the files of each family."""
