"""A vehicle on the road between Tirana and Shkodër, second by second. Owns its motion; knows no GPS."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

EARTH_METRES: Final = 6_371_008.8
KMH: Final = 3.6

# The limits of a loaded off-road car on tarmac, in m/s².
ACCELERATION: Final = 2.0
BRAKING: Final = 3.0
LATERAL: Final = 2.5
# The lowest speed of the moving vehicle, in m/s, so that it can always turn.
CRAWL: Final = 3.0
# A waypoint counts as reached within this many metres.
REACHED: Final = 150.0


@dataclass(frozen=True)
class Waypoint:
    """A place on the road. Degrees, WGS 84; altitude in m. cruise: the usual speed on the way there, in km/h."""

    latitude: float
    longitude: float
    altitude: float
    cruise: float


ROUTE: Final = (
    Waypoint(41.3275, 19.8187, 110, 40),  # Tirana
    Waypoint(41.3600, 19.7600, 60, 45),  # Kamëz
    Waypoint(41.4783, 19.7176, 30, 75),  # Fushë-Krujë
    Waypoint(41.5786, 19.6889, 20, 80),  # Mamurras
    Waypoint(41.6846, 19.7125, 25, 85),  # Milot
    Waypoint(41.7836, 19.6436, 10, 85),  # Lezhë
    Waypoint(41.9605, 19.5450, 25, 80),  # Bushat
    Waypoint(42.0683, 19.5126, 20, 45),  # Shkodër
)


@dataclass(frozen=True)
class State:
    """The vehicle's position, and its motion in the last second.

    Degrees, WGS 84; altitude in m; speed in m/s; course in degrees clockwise from north; odometer in m.
    """

    latitude: float
    longitude: float
    altitude: float
    speed: float
    course: float
    odometer: float


def drive(random: Random) -> Iterator[State]:
    """Yield a state for each second: from a standstill in Tirana to Shkodër, back, and so on forever."""
    here = ROUTE[0]
    latitude, longitude, speed, odometer = here.latitude, here.longitude, 0.0, 0.0
    course = bearing(latitude, longitude, ROUTE[1].latitude, ROUTE[1].longitude)
    mood, bend = 1.0, 0.0
    yield State(latitude, longitude, here.altitude, speed, course, odometer)
    for start, goal in itertools.cycle(_legs()):
        length = distance(start.latitude, start.longitude, goal.latitude, goal.longitude)
        while (left := distance(latitude, longitude, goal.latitude, goal.longitude)) > REACHED:
            # mood is the traffic, bend the bend of the road. Both drift slowly around their means.
            mood += 0.02 * (1 - mood) + random.gauss(0, 0.02)
            bend += -0.03 * bend + random.gauss(0, 1.5)
            wanted = bearing(latitude, longitude, goal.latitude, goal.longitude) + bend
            off = turn(course, wanted)
            aim = max(CRAWL, goal.cruise / KMH * mood * max(0.0, math.cos(math.radians(off))))
            speed = min(max(aim, speed - BRAKING), speed + ACCELERATION)
            most = math.degrees(LATERAL / speed)
            course = (course + min(max(off, -most), most)) % 360
            latitude, longitude = moved(latitude, longitude, course, speed)
            odometer += speed
            altitude = goal.altitude + (start.altitude - goal.altitude) * min(1.0, left / length)
            yield State(latitude, longitude, altitude, speed, course, odometer)


def _legs() -> list[tuple[Waypoint, Waypoint]]:
    there = list(itertools.pairwise(ROUTE))
    return there + [(goal, start) for start, goal in reversed(there)]


def distance(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Return the great-circle distance in metres."""
    here, there = math.radians(latitude), math.radians(to_latitude)
    across = math.radians(to_longitude - longitude)
    chord = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(across / 2) ** 2
    return 2 * EARTH_METRES * math.asin(math.sqrt(chord))


def bearing(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Return the initial direction to the other place, in degrees clockwise from north."""
    here, there = math.radians(latitude), math.radians(to_latitude)
    across = math.radians(to_longitude - longitude)
    east = math.sin(across) * math.cos(there)
    north = math.cos(here) * math.sin(there) - math.sin(here) * math.cos(there) * math.cos(across)
    return math.degrees(math.atan2(east, north)) % 360


def moved(latitude: float, longitude: float, course: float, metres: float) -> tuple[float, float]:
    """Return the place some metres away, on a plane: exact to a millimetre for one second of driving."""
    north = metres * math.cos(math.radians(course))
    east = metres * math.sin(math.radians(course))
    parallel = EARTH_METRES * math.cos(math.radians(latitude))
    return latitude + math.degrees(north / EARTH_METRES), longitude + math.degrees(east / parallel)


def turn(course: float, wanted: float) -> float:
    """Return the angle to turn by, from -180 to 180 degrees; negative is to the left."""
    return (wanted - course + 180) % 360 - 180
