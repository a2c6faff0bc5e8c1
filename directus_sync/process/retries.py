"""Retries, with stamina. Import this only in code that retries, because stamina is slow to load."""

from stamina import instrumentation, retry, retry_context

# stamina's default hooks log to stderr, where only this tool's messages belong.
instrumentation.set_on_retry_hooks([])

__all__ = ["retry", "retry_context"]
