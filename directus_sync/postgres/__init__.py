"""PostgreSQL as a server: connections, and the one lock."""
