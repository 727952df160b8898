"""Which cells of a grid are covered by discs that are laid one upon the other.

A disc is a lattice of points, and covers the cells that contain a point. With fine cells a disc
has thousands of points, and a noisy mask has thousands of discs. So only the rim of a large disc
is laid point by point: all cells inside of it are covered, wherever in its cell the middle is.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import Floats
from espnet_ros.core.grid import GridSpec

Numbers = npt.NDArray[np.int32]

# In cells: the step between points, so that each cell has one within half a cell of its middle ...
_STEP = 0.7
# ... and the distance from the middle of a cell to its corner.
_CORNER = math.sqrt(0.5)
# In cells: the smallest inner radius for which treating the inside apart pays off.
_LEAST_INSIDE = 5.0
# Points laid at once. Ten times as many exceed the cache and take twice as long each.
_MOST_POINTS = 20_000


def last_disc(points: Floats, reach_m: Floats, pose: Floats, spec: GridSpec) -> Numbers:
    """Return the number of the last disc on each cell, int32 (rows, columns), -1 for none.

    :param points: the middles of the discs, (N, 2) metres in the base frame.
    :param reach_m: their radii, (N,); a radius of 0 covers only the cell of the middle.
    :param pose: of the base in the grid's frame, (2, 3).
    """
    cells = reach_m / spec.resolution_m
    # A margin as wide as a disc, so that discs off the grid can be laid as well.
    pad = math.ceil(cells.max(initial=0.0)) + 1
    cols, rows = spec.size_cells
    last = np.full((rows + 2 * pad, cols + 2 * pad), -1, np.int32)
    middles = spec.places_of(points @ pose[:, :2].T + pose[:, 2]) + pad
    # A tilted base makes discs narrower, by the cosine of the tilt.
    narrowed = abs(float(np.linalg.det(pose[:, :2])))
    for reach in np.unique(cells):
        numbers = np.flatnonzero(cells == reach).astype(np.int32)
        disc = _disc(float(reach)) @ pose[:, :2].T
        inside = narrowed * (float(reach) - 0.5) - _CORNER
        if inside >= _LEAST_INSIDE:
            _lay_insides(numbers, middles[numbers], inside, last)
            disc = disc[np.hypot(*disc.T) > inside - 2 * _CORNER]
        _lay_points(numbers, middles[numbers], disc, last)
    return last[pad:-pad, pad:-pad]


def _disc(reach: float) -> Floats:
    """Return a lattice within reach of (0, 0), (M, 2), all in cells."""
    steps = np.arange(0.0, reach + 1e-9, _STEP)
    line = np.concatenate([-steps[:0:-1], steps])
    square = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return np.asarray(square[np.hypot(*square.T) <= reach])


def _cells(places: Floats, side: int) -> Numbers:
    """Return the cells of places along one axis; places beyond get the outermost cell."""
    return np.clip(places, 0, side - 1).astype(np.int32)


def _lay_points(numbers: Numbers, middles: Floats, disc: Floats, onto: Numbers) -> None:
    """Lay the points of a disc around each middle, (N, 2); numbers ascend."""
    rows, cols = onto.shape
    flat = onto.reshape(-1)
    size = max(1, _MOST_POINTS // len(disc))
    for start in range(0, len(numbers), size):
        part = slice(start, start + size)
        index = _cells(middles[part, 1, None] + disc[:, 1], rows) * np.int32(cols)
        index += _cells(middles[part, 0, None] + disc[:, 0], cols)
        # With repeated indices the last one wins, which is the last disc of the part.
        flat[index] = np.maximum(flat[index], numbers[part, None])


def _lay_insides(numbers: Numbers, middles: Floats, radius: float, onto: Numbers) -> None:
    """Cover all cells within a radius of the middles' cells, (N, 2); numbers ascend."""
    rows, cols = onto.shape
    x, y = _cells(middles[:, 0], cols), _cells(middles[:, 1], rows)
    reach = int(radius)
    low_x, low_y = max(int(x.min()) - reach, 0), max(int(y.min()) - reach, 0)
    window = onto[low_y : int(y.max()) + reach + 1, low_x : int(x.max()) + reach + 1]
    own = np.full_like(window, -1)
    own[y - low_y, x - low_x] = numbers
    # The maximum within `half` cells to either side; `half` grows from the rim of a disc inwards.
    line, half = own, 0
    for up in range(reach, -1, -1):
        width = int(math.sqrt(radius**2 - up**2))
        while half < width:
            step = min(width - half, 2 * half + 1)
            line, half = _highest_beside(line, step), half + step
        above, below = slice(up, None), slice(None, len(line) - up)
        for to, of in ((above, below), (below, above)):
            np.maximum(window[to], line[of], out=window[to])


def _highest_beside(line: Numbers, step: int) -> Numbers:
    """Return the maximum of each number and those `step` columns to its left and right."""
    highest: Numbers = line.copy()
    right, left = slice(step, None), slice(None, -step)
    for to, of in ((right, left), (left, right)):
        np.maximum(highest[:, to], line[:, of], out=highest[:, to])
    return highest
