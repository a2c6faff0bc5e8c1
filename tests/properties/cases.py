"""Cases for the laws: a base, a file and a live schema made from it by a few edits, rows and approvals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hypothesis import strategies as st

from directus_sync.schema import comparison, diff, guard
from directus_sync.schema.plan import Approvals, Plan
from directus_sync.schema.snapshot import Snapshot
from tests.properties.directus import Entry, Key, Raw, answer, compared
from tests.properties.documents import Document, start
from tests.properties.edits import EDITS, Edit


@dataclass(frozen=True, repr=False)
class Case:
    """Three versions of a schema, the number of rows at each risk, and the approvals."""

    base: Snapshot | None
    file: Snapshot
    live: Snapshot
    rows: int
    approvals: Approvals

    def __repr__(self) -> str:
        """Show only the differences."""
        sides = {"file": self.file, "live": self.live, "base": self.base or snapshot_of(start())}
        moves = {
            f"{one} to {other}": comparison.between(sides[one], sides[other])
            for one, other in (("base", "file"), ("base", "live"), ("live", "file"))
        }
        lines = [
            f"{move}: {change.action.sign} {change.kind.noun} {change.id} {change.edits or change.after or ''}"
            for move, changes in moves.items()
            for change in changes
        ]
        return "\n".join([f"Case: base {'known' if self.base else 'none'}, {self.rows} rows, {self.approvals}", *lines])

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Replace Hypothesis's own format, which shows all fields."""
        printer.text(repr(self))

    @cached_property
    def raw(self) -> Raw:
        """Return Directus's diff as the tool reads it."""
        found = diff.without_others_changes(answer(self.live.sections, self.file.sections))
        return diff.with_whole_values(found, self.live, self.file)

    def plan(self, approvals: Approvals | None = None, raw: Raw | None = None) -> Plan:
        """Return the plan that a push would make."""
        difference = diff.from_server(("hash", self.raw if raw is None else raw))
        verdicts = guard.judge(difference, base=self.base, wanted=self.file, live=self.live)
        counted = {risk: self.rows for verdict in verdicts for risk in verdict.risks}
        return guard.decide(difference, verdicts, counted, self.approvals if approvals is None else approvals)

    def everything(self) -> Approvals:
        """Return approvals of every change."""
        names = [change.id for change in diff.from_server(("hash", self.raw)).changes]
        return Approvals(dict.fromkeys(names, "why"), frozenset(names))


@st.composite
def cases(draw: st.DrawFn, also_git: tuple[Edit, ...] = ()) -> Case:
    """Make a base, then a file and a live schema from it by zero to three edits each, mostly of the same fields.

    also_git: in half of the cases, one of these edits is also made to the file.
    """
    # There are many more fields than relations, so relations get more weight.
    fields = [*sorted(start()["fields"]), *list(start()["relations"]) * 4]
    near = draw(st.lists(st.sampled_from(fields), min_size=1, max_size=2))
    base = _edited(draw, start(), near, draw(st.integers(0, 1)))
    file, live = (_edited(draw, base, near, draw(st.sampled_from([1, 2, 3, 0]))) for _ in range(2))
    if draw(st.integers(0, 3)) == 0:
        # Both sides made the same edits, and the file one more.
        file = _edited(draw, live, near, 1)
    once_more = draw(st.booleans())
    if also_git and once_more and near[0][:1] in file["collections"]:
        draw(st.sampled_from(also_git))(draw, file, near[0])
    recorded = None if draw(st.integers(0, 7)) == 0 else snapshot_of(base)
    case = Case(recorded, snapshot_of(file), snapshot_of(live), draw(st.integers(0, 2)), Approvals())
    return Case(case.base, case.file, case.live, case.rows, _approvals(draw, case))


def entries(snapshot: Snapshot | None) -> Iterator[tuple[str, Key, Entry]]:
    """Yield every entry: its section, its key and the part that Directus compares."""
    for section, found in (snapshot.sections if snapshot else {}).items():
        for key, entry in found.items():
            yield section, key, compared(section, entry)


def snapshot_of(document: Document) -> Snapshot:
    return Snapshot(b"", "generated", "11.17.4", document)


def _approvals(draw: st.DrawFn, case: Case) -> Approvals:
    every = case.everything()
    some = draw(st.sampled_from(["none", "all", "destroy", "discard", "first"]))
    first = frozenset(sorted(every.discard)[:1])
    return {
        "none": Approvals(),
        "all": every,
        "destroy": Approvals(every.destroy),
        "discard": Approvals({}, every.discard),
        "first": Approvals(dict.fromkeys(first, "why"), first),
    }[some]


def _edited(draw: st.DrawFn, base: Document, near: list[Key], edits: int) -> Document:
    document = {section: dict(found) for section, found in base.items()}
    anywhere = sorted(base["fields"]) or near
    for _ in range(edits):
        key = draw(st.sampled_from(near if draw(st.integers(0, 3)) else anywhere))
        if key[:1] in document["collections"]:
            draw(st.sampled_from(EDITS))(draw, document, key)
    return document
