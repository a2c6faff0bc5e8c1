"""Queries before a push: what would be lost, what blocks it, what PostgreSQL would drop, too.

Only `sql_changes.forget_dropped_columns` writes.
"""
