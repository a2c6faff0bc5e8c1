"""What the tool records in the database: snapshots, deploys, applied revisions, the fingerprint."""
