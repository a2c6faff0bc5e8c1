"""Questions to the database before a push: what is lost, what is in the way, what goes along. Nothing is written."""
