"""Queries before a push: what would be lost, what blocks it, and what PostgreSQL would drop along with an item.

Only `sql_changes.forget_dropped_columns` writes.
"""
