"""Positions for demonstrations and tests, and the queries of the processor."""
