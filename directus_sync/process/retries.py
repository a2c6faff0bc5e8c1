"""Retries, by stamina. Imported where something may have to be retried, because it is slow to load."""

from stamina import instrumentation, retry, retry_context

# Its default hooks log to stderr, where only this tool's messages belong.
instrumentation.set_on_retry_hooks([])

__all__ = ["retry", "retry_context"]
