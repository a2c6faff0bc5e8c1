"""Two clubs, each with an event and people who can log in to the Studio. None of them is an administrator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.access.people import ROLE as MEMBER
from tests.access.people import STUDIO
from tests.browser.studio import Studio
from tests.conftest import RunningDirectus
from tests.extension import conftest as extension
from tests.extension import rally

PASSWORD: Final = "a-password-of-the-tests"
# 08:30 in Tirana. The first entry starts at 08:00.
NOW: Final = "2026-06-07T06:30:00Z"
TODAY: Final = "Sunday, June 7, 2026"

# Each club has a device that sent one position.
ROWS: Final = """
UPDATE public.organizations SET name = 'Club ' || name;
UPDATE public.events SET name = 'Rally ' || name;
UPDATE public.waypoints SET name = 'Dajt';
INSERT INTO public.positions
  (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec, attributes)
SELECT imei, '2026-06-07 06:20Z', 41, 19, 0, 0, 0, 9, 0, '8E', '{}' FROM public.devices;
"""
# Gives people names, and the project's own role instead of the one that allows everything.
PEOPLE: Final = f"""
UPDATE directus_users SET role = '{MEMBER}', first_name = initcap(split_part(email, '-', 1)), last_name = 'Hoxha'
WHERE role = '{rally.ROLE}';
DELETE FROM directus_policies WHERE id = '{rally.key("everything")}';
INSERT INTO directus_access (id, policy, "user", sort)
SELECT gen_random_uuid(), '{STUDIO}', id, 1 FROM directus_users WHERE role = '{MEMBER}';
"""


def admit(directus: RunningDirectus) -> None:
    """Create the people with the project's own role and rights, and with a password."""
    directus.database.execute(f"{rally.people()};{PEOPLE}")
    directus.forget()
    users = {"keys": [rally.key(name) for name in rally.USERS], "data": {"password": PASSWORD}}
    assert directus.http.patch("/users", json=users).status_code == 200


def begin(directus: RunningDirectus) -> None:
    """Reset the clubs' rows to the start of a race day."""
    extension.reset(directus)
    directus.database.execute(ROWS)


class People:
    """The people of the first club on a race day. They share one window, because loading the app takes longest."""

    def __init__(self, window: Callable[[], Studio]) -> None:
        self._window = window
        self.studio = window()
        self._at_work = ""

    def __getitem__(self, name: str) -> Studio:
        """Return the window with this person logged in. The current page stays if the person already is."""
        if name != self._at_work:
            if self._at_work:
                self.studio.log_out()
            self._at_work = ""
            self.studio.log_in(f"{name}-of-a@example.com", PASSWORD)
            self._at_work = name
        return self.studio

    def begin_again(self) -> None:
        """Open a new window, with nobody logged in and no unsaved input."""
        self.studio.page.close()
        self.studio = self._window()
        self._at_work = ""
