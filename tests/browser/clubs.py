"""Two clubs with an event each, and their people, who may log in to the Studio. Nobody of them is an administrator."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Browser

from tests.access.people import ROLE as MEMBER
from tests.access.people import STUDIO
from tests.browser.studio import Studio, open_studio
from tests.conftest import RunningDirectus
from tests.extension import conftest as extension
from tests.extension import rally

PASSWORD: Final = "a-password-of-the-tests"
# In Tirana it is 08:30, and the first entry starts at 08:00.
NOW: Final = "2026-06-07T06:30:00Z"
TODAY: Final = "Sunday, June 7, 2026"

# A device of each club was heard once.
ROWS: Final = """
UPDATE public.organizations SET name = 'Club ' || name;
UPDATE public.events SET name = 'Rally ' || name;
UPDATE public.waypoints SET name = 'Dajt';
INSERT INTO public.positions
  (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec, attributes)
SELECT imei, '2026-06-07 06:20Z', 41, 19, 0, 0, 0, 9, 0, '8E', '{}' FROM public.devices;
"""
# The project's own role in place of the one that may do everything; and a name.
PEOPLE: Final = f"""
UPDATE directus_users SET role = '{MEMBER}', first_name = initcap(split_part(email, '-', 1)), last_name = 'Hoxha'
WHERE role = '{rally.ROLE}';
DELETE FROM directus_policies WHERE id = '{rally.key("everything")}';
INSERT INTO directus_access (id, policy, "user", sort)
SELECT gen_random_uuid(), '{STUDIO}', id, 1 FROM directus_users WHERE role = '{MEMBER}';
"""


def admit(directus: RunningDirectus) -> None:
    """Create the people, with the project's own role and rights, and a password."""
    directus.database.execute(f"{rally.people()};{PEOPLE}")
    directus.forget()
    users = {"keys": [rally.key(name) for name in rally.USERS], "data": {"password": PASSWORD}}
    assert directus.http.patch("/users", json=users).status_code == 200


def begin(directus: RunningDirectus) -> None:
    """Put the clubs' rows to what a race day starts from."""
    extension.reset(directus)
    directus.database.execute(ROWS)


class Windows(dict[str, Studio]):
    """The Studio on the day of the race, in a window for each of the first club, who logs in when first asked for."""

    def __init__(self, browser: Browser, directus: RunningDirectus) -> None:
        super().__init__()
        self.browser = browser
        self.url = str(directus.http.base_url)

    def __missing__(self, name: str) -> Studio:
        studio = self[name] = open_studio(self.browser, self.url, now=NOW)
        studio.log_in(f"{name}-of-a@example.com", PASSWORD)
        return studio
