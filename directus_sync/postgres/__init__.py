"""PostgreSQL as a server: connections, and the lock of a deploy."""
