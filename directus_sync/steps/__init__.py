"""The steps that commands share: compare, judge, push, and start Directus."""
