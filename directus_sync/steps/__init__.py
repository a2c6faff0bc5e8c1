"""The steps that commands share: compare, judge, push, and start the Directus that does it."""
