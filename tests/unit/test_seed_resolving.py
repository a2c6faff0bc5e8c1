"""A reference means a row of its own file, of a file before it, or of the database."""

from __future__ import annotations

import pytest

from directus_sync.errors import InvalidSeed
from directus_sync.seed import planning
from directus_sync.seed.planning import SeedPlan
from directus_sync.seed.values import Row
from tests.seeds import KNOWN, Lists, a_file

REFERENCE = "events:\n- {slug: SLUG, club: {name: same}}\n"


def plan_of(first: str, second: str) -> SeedPlan:
    files = [a_file(first, "a.yaml"), a_file(second, "b.yaml")]
    return planning.plan(files, KNOWN, Lists(), force=False)


def test_the_same_reference_means_in_each_file_what_that_file_sees() -> None:
    first = REFERENCE.replace("SLUG", "e1") + "clubs:\n- {slug: s1, name: same}\n"
    plan = plan_of(first, REFERENCE.replace("SLUG", "e2"))
    targets = [plan.resolver.value(judged.row, "club") for _, judged in plan.rows if "club" in judged.row.given]
    assert [target.label for target in targets if isinstance(target, Row)] == ["s1", "s1"]

    # The second file brings a club of the same name, and only its own reference matches both.
    with pytest.raises(InvalidSeed, match="more than one row") as caught:
        plan_of(first, REFERENCE.replace("SLUG", "e2") + "clubs:\n- {slug: s2, name: same}\n")
    assert caught.value.where == "b.yaml:2"


def test_a_reference_does_not_see_a_later_file() -> None:
    later = REFERENCE.replace("SLUG", "e2") + "clubs:\n- {slug: s1, name: same}\n"
    with pytest.raises(InvalidSeed, match="matches no row") as caught:
        plan_of(REFERENCE.replace("SLUG", "e1"), later)
    assert caught.value.where == "a.yaml:2"
