"""The pages about the data model, made from snapshots/. Not part of the tool, and not in its image."""
