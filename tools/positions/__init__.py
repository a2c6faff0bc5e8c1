"""Positions for demonstrations and tests, and the processor's queries. Not part of the tool, and not in its image."""
