"""Things that Directus keeps as rows, as code: the engine, and a declaration for each kind. Access has its own form."""
