"""Discs on a grid, against laying every point of each by itself."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from espnet_ros.core import discs
from espnet_ros.core.discs import last_disc
from espnet_ros.core.grid import GridSpec

SPEC = GridSpec(0.05, (70, 50), (-20, 30))
LEVEL = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def turned(yaw: float, tilt: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """Return a pose of the base on the ground, (2, 3): tilted aslant, then turned."""
    axis = tilt * np.array([0.6, 0.8, 0.0])
    R = cv2.Rodrigues(np.array([0.0, 0.0, yaw]))[0] @ cv2.Rodrigues(axis)[0]
    return np.column_stack([R[:2, :2], [x, y]])


def one_by_one(points, reach_m, pose, spec) -> np.ndarray:
    """Return the last disc of each cell, from all points of all discs in their order."""
    last = np.full(spec.shape, -1)
    for number, (point, reach) in enumerate(zip(points, reach_m, strict=True)):
        count = math.floor(reach / (0.7 * spec.resolution_m))
        line = 0.7 * spec.resolution_m * np.arange(-count, count + 1)
        disc = np.array([(x, y) for x in line for y in line if math.hypot(x, y) <= reach])
        cells, inside = spec.cells_of((point + disc) @ pose[:, :2].T + pose[:, 2])
        mx, my = cells[inside].T
        last[my, mx] = number
    return last


@pytest.mark.parametrize(
    'pose', [LEVEL, turned(0.8, 0.0, 0.3, -0.2), turned(-2.0, 0.3), turned(1.3, 1.0, -0.4)]
)
@pytest.mark.parametrize('count', [1, 7, 300])
def test_they_are_as_laid_one_by_one(pose, count):
    rng = np.random.default_rng(count)
    # Some of them off the grid, which is 3.5 m by 2.5 m, from (-1, 1.5) on.
    corners = np.array([[-1.9, 0.6], [3.4, 4.9]])
    points = (rng.uniform(*corners, (count, 2)) - pose[:, 2]) @ np.linalg.inv(pose[:, :2]).T
    reach_m = rng.choice([0.0, 0.03, 0.21, 0.4, 0.9], count)
    found = last_disc(points, reach_m, pose, SPEC)
    assert (found.dtype, found.shape) == (np.int32, (50, 70))
    np.testing.assert_array_equal(found, one_by_one(points, reach_m, pose, SPEC))


def test_one_disc_by_hand():
    # Points 0.7 cells apart, within 1.5 cells of the middle of column 3, row 1.
    spec = GridSpec(1.0, (7, 5), (0, 0))
    found = last_disc(np.array([[3.5, 1.5]]), np.array([1.5]), LEVEL, spec)
    assert found.tolist() == [
        [-1, -1, 0, 0, 0, -1, -1],
        [-1, -1, 0, 0, 0, -1, -1],
        [-1, -1, 0, 0, 0, -1, -1],
        [-1] * 7,
        [-1] * 7,
    ]
    # A quarter of a cell higher, the point 1.4 cells above the middle comes to lie in row 3.
    found = last_disc(np.array([[3.5, 1.75]]), np.array([1.5]), LEVEL, spec)
    assert found[3].tolist() == [-1, -1, -1, 0, -1, -1, -1]


def test_without_discs_nothing_is_covered():
    found = last_disc(np.zeros((0, 2)), np.zeros(0), LEVEL, SPEC)
    assert found.shape == (50, 70) and (found == -1).all()


def test_discs_laid_in_parts_give_the_same(monkeypatch):
    rng = np.random.default_rng(3)
    points, reach_m = rng.uniform(-0.5, 3.0, (200, 2)), rng.choice([0.0, 0.1, 0.5], 200)
    whole = last_disc(points, reach_m, LEVEL, SPEC)
    monkeypatch.setattr(discs, '_MOST_POINTS', 1)
    np.testing.assert_array_equal(last_disc(points, reach_m, LEVEL, SPEC), whole)


def test_only_the_rim_of_a_large_disc_is_laid_by_points_and_few_at_once(monkeypatch):
    lay, laid = discs._cells, []

    def counted(places, side):
        laid.append(places.size)
        return lay(places, side)

    monkeypatch.setattr(discs, '_cells', counted)

    def points_each(reach_m: float, count: int = 40) -> float:
        laid.clear()
        last_disc(np.ones((count, 2)), np.full(count, reach_m), LEVEL, GridSpec(0.02, (90, 60)))
        # Each point has an x and a y, as has the middle of the disc for its inside.
        return sum(laid) / count / 2 - 1

    # Of all 64,000 points of 100 cells, those less than 3 cells from the edge.
    assert 2 * math.pi * 98.5 * 2 / 0.49 < points_each(2.0) < 2 * math.pi * 98.5 * 3 / 0.49
    assert max(laid) <= 20_000
    # So cells half as large make twice as many, not four times.
    assert points_each(2.0) < 2.1 * points_each(1.0)
