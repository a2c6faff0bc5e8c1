"""What the database remembers: recorded snapshots and deploys, applied revisions, the fingerprint."""
