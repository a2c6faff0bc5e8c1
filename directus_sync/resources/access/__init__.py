"""Who may do what, as files that people write: read, checked, compiled to rows, folded back. No network, no database.

`access.yaml` has roles and policies; `collections/<name>.yaml` says what each policy may do with one collection.
"""
