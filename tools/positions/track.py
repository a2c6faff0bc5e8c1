"""The fixes of a vehicle's GPS devices, one a second. Owns noise and faults. The same seed gives the same fixes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from random import Random
from typing import Final

from tools.positions.drive import KMH, State, drive, moved

CODEC: Final = "8E"
# The shortest and the longest stretch, in seconds.
GOOD_SECONDS: Final = (60, 480)
FAULTY_SECONDS: Final = (5, 45)
# The shortest and the longest jump.
JUMP_METRES: Final = (500, 5000)
# Standard deviations of a receiver's errors; that of the position is for each direction.
NOISE_METRES: Final = 2.5
NOISE_KMH: Final = 0.4
NOISE_DEGREES: Final = 1.0
# The share of the position's error that carries over from one second to the next.
KEPT: Final = 0.98
LATENCY_SECONDS: Final = (0.3, 2.5)


class Fault(Enum):
    """The kinds of fault that a stretch of fixes can have."""

    JUMP = "the position is far off"
    NO_FIX = "no satellites: the last position again, speed 0"
    STUCK = "the last fix again, under new times"


@dataclass(frozen=True)
class Fix:
    """A row of positions, in the units of its columns. fault: the fault for which a review would mark it as `faulty`.

    Devices of Teltonika send whole metres, degrees and km/h, and coordinates in steps of 1e-7 degrees.
    """

    device_id: str
    ts: datetime
    ingested_at: datetime
    latitude: float
    longitude: float
    altitude: int
    angle: int
    speed: int
    satellites: int
    priority: int
    codec: str
    attributes: Mapping[str, int]
    fault: Fault | None


def fixes(devices: Sequence[str], start: datetime, seconds: int, seed: int) -> Iterator[Fix]:
    """Yield the fixes of all devices in order of time. The devices are in one vehicle.

    More devices or more seconds add fixes and do not change the others.
    """
    receivers = [_Receiver(device, Random(f"{seed} {device}")) for device in devices]
    for second, state in enumerate(itertools.islice(drive(Random(seed)), seconds)):
        for receiver in receivers:
            yield receiver.report(start + timedelta(seconds=second), state)


class _Receiver:
    """One device: its error, its faults, its last good fix."""

    def __init__(self, device: str, random: Random) -> None:
        self._device = device
        self._random = random
        self._faults = _faults(random)
        self._north = self._east = 0.0
        self._last: Fix | None = None

    def report(self, ts: datetime, state: State) -> Fix:
        """Return the fix of one second."""
        latency = round(self._random.uniform(*LATENCY_SECONDS), 3)
        arrived = ts + timedelta(seconds=latency)
        fix = self._measured(ts, arrived, state)
        fault, course, metres = next(self._faults)
        if fault is None or self._last is None:
            self._last = fix
        elif fault is Fault.STUCK:
            fix = replace(self._last, ts=ts, ingested_at=arrived, fault=fault)
        elif fault is Fault.JUMP:
            latitude, longitude = _shifted(fix.latitude, fix.longitude, course, metres)
            fix = replace(fix, latitude=latitude, longitude=longitude, satellites=4, fault=fault)
        else:
            latitude, longitude = self._last.latitude, self._last.longitude
            fix = replace(fix, latitude=latitude, longitude=longitude, speed=0, angle=0, satellites=0, fault=fault)
        return fix

    def _measured(self, ts: datetime, arrived: datetime, state: State) -> Fix:
        gauss = self._random.gauss
        fresh = NOISE_METRES * math.sqrt(1 - KEPT**2)
        self._north = KEPT * self._north + gauss(0, fresh)
        self._east = KEPT * self._east + gauss(0, fresh)
        latitude, longitude = _shifted(*moved(state.latitude, state.longitude, 0, self._north), 90, self._east)
        return Fix(
            device_id=self._device,
            ts=ts,
            ingested_at=arrived,
            latitude=latitude,
            longitude=longitude,
            altitude=round(state.altitude + gauss(0, NOISE_METRES)),
            angle=round(state.course + gauss(0, NOISE_DEGREES)) % 360,
            speed=max(0, round(state.speed * KMH + gauss(0, NOISE_KMH))),
            satellites=min(max(8, round(gauss(11, 1.5))), 16),
            priority=0,
            codec=CODEC,
            attributes=self._attributes(state),
            fault=None,
        )

    def _attributes(self, state: State) -> dict[str, int]:
        """Return values by AVL id: odometer (m), GSM signal (0 to 5), two voltages (mV), ignition, movement."""
        random = self._random
        return {
            "16": round(state.odometer),
            "21": random.randint(2, 5),
            "66": round(random.gauss(13_800, 80)),
            "67": round(random.gauss(4_050, 10)),
            "239": 1,
            "240": int(state.speed > 0),
        }


def _shifted(latitude: float, longitude: float, course: float, metres: float) -> tuple[float, float]:
    latitude, longitude = moved(latitude, longitude, course, metres)
    return round(latitude, 7), round(longitude, 7)


def _faults(random: Random) -> Iterator[tuple[Fault | None, float, float]]:
    """Yield the fault of each second, with course and metres of a jump."""
    # The kinds take turns, so that a short track has every kind.
    for fault in itertools.cycle(random.sample(list(Fault), len(Fault))):
        yield from itertools.repeat((None, 0.0, 0.0), random.randint(*GOOD_SECONDS))
        jump = random.uniform(0, 360), random.uniform(*JUMP_METRES)
        yield from itertools.repeat((fault, *jump), random.randint(*FAULTY_SECONDS))
