"""The people of the access tests: members of each role, of another club, of both clubs, of none, and the public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.course import an_id

ROLE: Final = "6f2b5c1e-0d3a-5b8e-9a51-3c0d5f6b7a01"
STUDIO: Final = "6f2b5c1e-0d3a-5b8e-9a51-3c0d5f6b7b07"
ROLES: Final = ("org-admin", "race-director", "marshal", "timekeeper", "participant", "viewer")
HOME, AWAY = "home", "away"
CLUBS: Final = (HOME, AWAY)


@dataclass(frozen=True)
class Person:
    """A person who sends requests. memberships: the role in each club."""

    name: str
    memberships: dict[str, str]

    @property
    def id(self) -> str:
        return an_id(f"access.{self.name}")

    @property
    def token(self) -> str | None:
        """A static token, or None for the public."""
        return f"token-of-{self.name}" if self.name != "public" else None

    def __str__(self) -> str:
        return self.name


MEMBERS: Final = {role: Person(role, {HOME: role}) for role in ROLES}
# Administrator of one club and participant of the other.
BOTH: Final = Person("both", {HOME: "org-admin", AWAY: "participant"})
FOREIGN_ADMIN: Final = Person("foreign-admin", {AWAY: "org-admin"})
FOREIGN_RIDER: Final = Person("foreign-rider", {AWAY: "participant"})
STRANGER: Final = Person("stranger", {})
PUBLIC: Final = Person("public", {})
# A marshal who can use the Studio, the only person with a personal policy.
STEWARD: Final = Person("steward", {HOME: "marshal"})
# They have rows but send no requests.
RIVALS: Final = {club: Person(f"rival-{club}", {club: "participant"}) for club in CLUBS}
PEOPLE: Final = (*MEMBERS.values(), BOTH, FOREIGN_ADMIN, FOREIGN_RIDER, STRANGER, PUBLIC)
# They also try everything on the other club. All other people would get the same answers there.
INTRUDERS: Final = (MEMBERS["org-admin"], FOREIGN_ADMIN, STRANGER)
USERS: Final = (*PEOPLE[:-1], STEWARD, *RIVALS.values())


def visited(person: Person) -> tuple[str, ...]:
    """Return the clubs in which a person tries to change rows."""
    return tuple(club for club in CLUBS if club in person.memberships or person in INTRUDERS) or (HOME,)
