"""Reads the answers of a Directus: their data, and the reasons of its refusals."""

from __future__ import annotations

import httpx

from directus_sync.errors import ApplyRefused, DirectusUnavailable, RequestFailed


def is_of_directus(response: httpx.Response) -> bool:
    """Tell whether Directus itself gave this error, and not a proxy in front of it."""
    try:
        return isinstance(response.json()["errors"], list)
    except (ValueError, KeyError, TypeError):
        return False


def data_of(response: httpx.Response) -> object:
    """Return the `data` of an answer. Raises DirectusUnavailable when it is not Directus's."""
    try:
        return response.json()["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise DirectusUnavailable(
            "what answers is not Directus: no JSON with `data`",
            where=str(response.request.url.copy_with(query=None)),
            next="check DIRECTUS_URL",
        ) from error


def unusable(what: str, url: str) -> RequestFailed:
    """Return the error for an answer that lacks what every Directus says."""
    return RequestFailed(
        f"the answer of {what}", where=url, next="check that DIRECTUS_URL names Directus itself, of version 11"
    )


def cause_of(error: Exception) -> str:
    """Return why a request failed, in the words of the network."""
    return str(error) or type(error).__name__


def refused_apply(reason: str, where: str | None) -> ApplyRefused:
    """Return the error for changes that are refused each time that they are sent."""
    return ApplyRefused(
        f"Directus refuses a change each time: {reason}; of the schema nothing was changed",
        where=where,
        next="if something in the database is in the way, change that, then run again\n"
        "or make it otherwise: change it on a development database, directus-sync pull, commit",
    )


def reason_of(response: httpx.Response) -> str:
    """Return why Directus refused a request, in its own words."""
    try:
        return "; ".join(str(error["message"]) for error in response.json()["errors"])
    except (ValueError, KeyError, TypeError):
        return response.text.strip()[:200] or response.reason_phrase
