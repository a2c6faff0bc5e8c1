"""Settings of Directus that `check` refuses."""

from __future__ import annotations

import pytest

from directus_sync.errors import UnsafeSettings
from directus_sync.steps import checking


@pytest.mark.parametrize("version", ["11.17.4", "12.0.9"])
def test_websockets_without_log_in_are_refused_below_the_version_that_closed_the_hole(version: str) -> None:
    with pytest.raises(UnsafeSettings) as refused:
        checking.require_no_published_hole({"WEBSOCKETS_REST_AUTH": "public"}, version)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("environ", "version"),
    [({"WEBSOCKETS_REST_AUTH": "public"}, "12.1.0"), ({"WEBSOCKETS_REST_AUTH": "strict"}, "11.17.4"), ({}, "11.17.4")],
)
def test_everything_else_is_left_to_directus(environ: dict[str, str], version: str) -> None:
    checking.require_no_published_hole(environ, version)
