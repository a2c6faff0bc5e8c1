"""A rename of a collection or field: where Directus names it, and how each such place is rewritten. Pure."""
