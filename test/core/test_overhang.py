"""Contacts of a fan by hand, and against comparing each contact with each."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from espnet_ros.core.ground_tables import Fan
from espnet_ros.core.overhang import Overhang
from espnet_ros.core.strays import StrayFilter

BIKE, WALL = 3, 7


def fan_of(degrees: np.ndarray, places: int = 80, height_m: float = 1.2) -> Fan:
    """Return a fan with a place every 0.1 m, the first one at 0.05 m."""
    angles = np.radians(degrees)
    shape = len(angles), places
    return Fan(
        np.zeros(shape, np.int32), np.ones(shape, bool),
        np.stack([np.cos(angles), np.sin(angles)], axis=1), np.zeros(2), height_m,
        0.1 * np.arange(places) + 0.05, np.ones(places, np.float32),
        StrayFilter(np.full((2, len(angles)), -1), np.zeros(places, np.intp)),
    )  # fmt: skip


def standing(fan: Fan, contacts: list[tuple[int, int]], reach_m=0.4, ids=None) -> list[int]:
    """Return which contacts, (ray, place) each, stand."""
    ray, place = np.array(contacts).T
    class_ids = np.full(len(ray), BIKE, np.uint8) if ids is None else np.array(ids, np.uint8)
    return overhang(reach_m).standing(ray, place, class_ids, fan).tolist()


def overhang(reach_m: float) -> Overhang:
    reaches = np.zeros(256)
    reaches[BIKE] = reach_m
    return Overhang(reaches)


def each_with_each(fan: Fan, ray, place, reach_m: float) -> np.ndarray:
    """Return which contacts of one class stand, from N x N comparisons."""
    ranges, across = fan.ranges_m[place], fan.directions[ray]
    sine = across[:, :1] * across[None, :, 1] - across[:, 1:] * across[None, :, 0]
    beside = (np.abs(sine) * ranges < 3.0 * reach_m) & (across @ across.T > 0)
    height = fan.height_m * (1.0 - ranges / ranges[:, None])
    nearer = ranges < ranges[:, None] - 0.5 * reach_m
    return np.flatnonzero(~(beside & nearer & (height < 0.5)).any(axis=1))


@pytest.mark.parametrize('middle', [0.0, 170.0])
@pytest.mark.parametrize('width', [50.0, 150.0, 359.0])
@pytest.mark.parametrize('height_m', [0.3, 1.2, 3.0])
def test_it_is_as_comparing_each_contact_with_each(middle, width, height_m):
    rng = np.random.default_rng(7)
    # A camera that looks back has its rays on both sides of 180 degrees, as tables have them.
    degrees = (np.linspace(-width / 2, width / 2, 120) + middle + 180.0) % 360.0 - 180.0
    fan = fan_of(np.sort(degrees), height_m=height_m)
    shares = []
    for count in (1, 2, 10, 60, 300):
        ray, place = rng.integers(0, 120, count), rng.integers(1, 80, count)
        reach_m = float(rng.uniform(0.05, 1.0))
        expected = each_with_each(fan, ray, place, reach_m)
        class_ids = np.full(count, BIKE, np.uint8)
        found = overhang(reach_m).standing(ray, place, class_ids, fan)
        np.testing.assert_array_equal(found, expected)
        shares.append(len(expected) / count)
    assert shares[0] == 1.0 and 0.0 < shares[-1] < 0.5


def test_an_edge_floats_beside_and_a_little_behind_a_stand():
    # 1.2 m high, so the edge at 4.05 m, seen over 2.55 m, is 0.44 m high; over 2.35 m, 0.50 m.
    fan = fan_of(np.array([0.0, 20.0, 40.0]))
    assert standing(fan, [(0, 25), (1, 40)]) == [0]
    assert standing(fan, [(0, 23), (1, 40)]) == [0, 1]
    # At 2.55 m, 20 degrees aside are 0.87 m and 40 degrees 1.64 m: more than 3 times 0.4.
    assert standing(fan, [(0, 25), (2, 40)]) == [0, 1]
    # 0.2 m behind is the same stand.
    assert standing(fan, [(0, 25), (0, 27)]) == [0, 1]
    assert standing(fan, [(0, 25), (0, 28)]) == [0]


def test_another_class_and_one_without_overhang_are_left_alone():
    fan = fan_of(np.array([0.0, 5.0]))
    assert standing(fan, [(0, 25), (1, 40)], ids=[WALL, BIKE]) == [0, 1]
    assert standing(fan, [(0, 25), (1, 40)], ids=[WALL, WALL]) == [0, 1]


def test_what_stands_on_the_other_side_of_the_camera_is_another_thing():
    # On one line through the foot, but 1.8 m apart.
    fan = fan_of(np.array([-90.0, 90.0]))
    assert standing(fan, [(0, 7), (1, 10)]) == [0, 1]


def test_memory_stays_small_with_tens_of_thousands_of_contacts():
    fan = fan_of(np.linspace(-30.0, 30.0, 300), places=160)
    ray, place = np.divmod(np.arange(300 * 160), 160)
    class_ids = np.full(len(ray), BIKE, np.uint8)
    tracemalloc.start()
    found = overhang(0.4).standing(ray, place, class_ids, fan)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0 < len(found) < 0.1 * len(ray)
    assert peak < 40e6  # each with each takes 18 GB an array


def test_the_reach_is_of_the_class():
    ids = np.array([WALL, BIKE, 255, BIKE], np.uint8)
    assert overhang(0.4).reach_m(ids).tolist() == [0.0, 0.4, 0.0, 0.4]
