"""The YAML files that people and Directus write: read as values or as nodes with lines, and written."""
