"""The local stack without Docker. Owns `.stack/` and the per-user cache; never changes the project's files."""
