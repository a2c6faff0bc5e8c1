"""The local stack without Docker. Owns `.stack/` and the per-user cache; refuses to change project or host."""
