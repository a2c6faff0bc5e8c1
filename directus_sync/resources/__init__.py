"""Things that Directus keeps as rows, as code: an engine, a declaration for each kind, and the files of each family."""
