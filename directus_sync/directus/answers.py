"""Reads the answers of Directus: the data, or the reason of a refusal."""

from __future__ import annotations

import httpx

from directus_sync import output
from directus_sync.errors import ApplyRefused, DirectusUnavailable, RequestFailed


def is_of_directus(response: httpx.Response) -> bool:
    """Return whether this error comes from Directus itself, and not from a proxy in front of it."""
    try:
        return isinstance(response.json()["errors"], list)
    except (ValueError, KeyError, TypeError):
        return False


def data_of(response: httpx.Response) -> object:
    """Return the `data` of an answer. Raises DirectusUnavailable if the answer is not from Directus."""
    try:
        return response.json()["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise DirectusUnavailable(
            "the server is not Directus: its answer is not JSON with `data`",
            where=str(response.request.url.copy_with(query=None)),
            next="check DIRECTUS_URL",
        ) from error


def unusable(what: str, url: str) -> RequestFailed:
    """Return the error for an answer that no Directus 11 would give. what: the path, and what is wrong."""
    return RequestFailed(
        f"the answer of {what}", where=url, next="check that DIRECTUS_URL names Directus itself, of version 11"
    )


def cause_of(error: Exception) -> str:
    """Return why a request got no answer."""
    return str(error) or type(error).__name__


def refused_apply(reason: str, where: str | None) -> ApplyRefused:
    """Return the error for a change that fails each time it is sent."""
    return ApplyRefused(
        f"Directus refuses this change each time: {reason}; nothing was changed in the schema",
        where=where,
        next="if something in the database prevents the change, fix that and run again\n"
        "or change the snapshot: make the change on a development database, directus-sync pull, commit",
    )


def reason_of(response: httpx.Response) -> str:
    """Return why a request was refused, in Directus's own words. They may be PostgreSQL's, so row values are masked."""
    try:
        return "; ".join(output.masked(str(error["message"])) for error in response.json()["errors"])
    except (ValueError, KeyError, TypeError):
        return response.text.strip()[:200] or response.reason_phrase
