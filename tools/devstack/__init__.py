"""The local stack without Docker. Owns `.stack/` and the per-user cache; does not change the project's files."""
