"""The access files: reads and checks them, compiles them to rows, and folds rows back. No network, no database.

`access.yaml` has roles and policies; `collections/<name>.yaml` says what each policy may do with one collection.
"""
