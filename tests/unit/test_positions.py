"""Generated positions: a vehicle's motion, the fixes of its devices with noise and faults, and the options."""

from __future__ import annotations

import itertools
import math
import re
import statistics
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from directus_sync.settings import ROOT as CHECKOUT
from tools.positions import __main__ as command
from tools.positions import store
from tools.positions.drive import (
    ACCELERATION,
    BRAKING,
    KMH,
    LATERAL,
    REACHED,
    ROUTE,
    State,
    Waypoint,
    bearing,
    distance,
    drive,
    turn,
)
from tools.positions.track import FAULTY_SECONDS, GOOD_SECONDS, JUMP_METRES, Fault, Fix, fixes

START = datetime(2026, 6, 6, 6, tzinfo=UTC)
DEVICES = ("350000000003011", "350000000003012", "350000000003013")
HOUR = 3600


def drives(seed: int, seconds: int) -> list[State]:
    return list(itertools.islice(drive(Random(seed)), seconds))


def between(before: State | Fix | Waypoint, after: State | Fix | Waypoint) -> float:
    return distance(before.latitude, before.longitude, after.latitude, after.longitude)


# The drive


def test_a_car_drives_the_route_there_and_back_within_its_physical_limits() -> None:
    # The round trip takes about 150 minutes.
    driven = drives(1, 3 * HOUR)
    for before, after in itertools.pairwise(driven):
        assert between(before, after) == pytest.approx(after.speed, abs=0.01)
        assert after.odometer - before.odometer == pytest.approx(after.speed)
        on = bearing(before.latitude, before.longitude, after.latitude, after.longitude)
        assert abs(turn(after.course, on)) < 0.05
        assert -BRAKING - 1e-9 <= after.speed - before.speed <= ACCELERATION + 1e-9
        assert after.speed * math.radians(abs(turn(before.course, after.course))) <= LATERAL + 1e-9
    assert max(state.speed for state in driven) * KMH < 130
    near = [place for state in driven for place in ROUTE if between(state, place) < REACHED + 30]
    passed = [place for place, _ in itertools.groupby(near)]
    assert passed[: 2 * len(ROUTE) - 1] == [*ROUTE, *ROUTE[-2::-1]]


# The fixes


@pytest.fixture(scope="module")
def track() -> list[Fix]:
    """Return the fixes of three devices in two hours."""
    return list(fixes(DEVICES, START, 2 * HOUR, seed=1))


@pytest.fixture(scope="module")
def truth() -> list[State]:
    """Return the true states of the vehicle of the track."""
    return drives(1, 2 * HOUR)


def of(track: list[Fix], device: str) -> list[Fix]:
    return [fix for fix in track if fix.device_id == device]


def stretches(track: list[Fix]) -> list[list[Fix]]:
    """Return the fixes of one device, split where the fault changes."""
    return [list(group) for _, group in itertools.groupby(track, lambda fix: fix.fault)]


def test_each_device_sends_a_valid_fix_every_second(track: list[Fix]) -> None:
    for device in DEVICES:
        assert [fix.ts for fix in of(track, device)] == [START + timedelta(seconds=each) for each in range(2 * HOUR)]
    for fix in track:
        assert timedelta(0) < fix.ingested_at - fix.ts < timedelta(seconds=3)
        assert 0 <= fix.angle < 360
        assert 0 <= fix.speed < 150
        assert 0 <= fix.satellites <= 16
        assert (fix.latitude, fix.longitude) == (round(fix.latitude, 7), round(fix.longitude, 7))
        assert all(key.isdecimal() for key in fix.attributes)


def test_equal_seeds_give_equal_fixes_and_different_seeds_different_ones(track: list[Fix]) -> None:
    assert list(fixes(DEVICES, START, 60, seed=1)) == track[: 3 * 60]
    other = list(fixes(DEVICES, START, 60, seed=2))
    assert not {(fix.latitude, fix.longitude) for fix in other} & {(fix.latitude, fix.longitude) for fix in track}


@pytest.mark.parametrize("device", DEVICES)
def test_good_fixes_have_the_speed_and_course_and_are_a_few_metres_off(
    track: list[Fix], truth: list[State], device: str
) -> None:
    good = [pair for pair in zip(truth, of(track, device), strict=True) if pair[1].fault is None]
    for state, fix in good:
        assert abs(fix.speed - state.speed * KMH) < 3
        assert abs(turn(fix.angle, state.course)) < 6
        assert fix.attributes["16"] == round(state.odometer)
    errors = [between(*pair) for pair in good]
    assert max(errors) < 20
    # Two normal errors with a deviation of 2.5 m each give a mean distance of 3.1 m.
    assert 1.5 < statistics.mean(errors) < 5


@pytest.mark.parametrize("device", DEVICES)
def test_good_and_faulty_stretches_alternate(track: list[Fix], device: str) -> None:
    first, *inner, _ = stretches(of(track, device))
    assert first[0].fault is None
    for stretch in inner:
        shortest, longest = FAULTY_SECONDS if stretch[0].fault else GOOD_SECONDS
        assert shortest <= len(stretch) <= longest
    assert {stretch[0].fault for stretch in inner} == {None, *Fault}


@pytest.mark.parametrize("device", DEVICES)
def test_the_fixes_of_a_faulty_stretch_have_its_fault(track: list[Fix], truth: list[State], device: str) -> None:
    for (*_, good), stretch in itertools.pairwise(stretches(of(track, device))):
        for fix in stretch:
            repeated = (fix.latitude, fix.longitude) == (good.latitude, good.longitude)
            match fix.fault:
                case Fault.JUMP:
                    shortest, longest = JUMP_METRES
                    off = between(truth[int((fix.ts - START).total_seconds())], fix)
                    assert shortest - 20 < off < longest + 20
                case Fault.NO_FIX:
                    assert repeated
                    assert (fix.speed, fix.angle, fix.satellites) == (0, 0, 0)
                case Fault.STUCK:
                    assert repeated
                    assert (fix.speed, fix.angle, fix.attributes) == (good.speed, good.angle, good.attributes)
                    assert fix.satellites >= 8


# The page


def test_the_page_has_every_query_and_every_fault() -> None:
    page = (CHECKOUT / "docs" / "positions.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    prepared = re.findall(r"^PREPARE (\w+) \(", store.QUERIES.read_text(encoding="utf-8"), re.MULTILINE)
    assert named == [*prepared, *(fault.name.lower() for fault in Fault)]


# The command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--devices", "3011"], "'3011' is not an IMEI: an IMEI has 15 digits"),
        (["--devices", "٣50000000003011"], "is not an IMEI: an IMEI has 15 digits"),
        (["--start", "soon"], "'soon' is not a time; write it as 2026-06-06T08:00+02:00"),
        (["--start", "2026-06-06T08:00"], "'2026-06-06T08:00' has no time zone; write it as 2026-06-06T08:00+02:00"),
        (["--minutes", "0"], "'0' is not a number from 1 to 1440"),
        (["--minutes", "1441"], "'1441' is not a number from 1 to 1440"),
    ],
)
def test_a_wrong_option_is_named_with_advice(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
