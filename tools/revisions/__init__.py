"""Commands for revision files: create one, renumber them after a merge, accept an edit."""
