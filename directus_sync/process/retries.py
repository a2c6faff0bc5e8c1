"""Trying again, by stamina. Takes a while to load: imported where something may have to be tried again."""

from stamina import instrumentation, retry, retry_context

# Its default hooks log to stderr, which is ours.
instrumentation.set_on_retry_hooks([])

__all__ = ["retry", "retry_context"]
