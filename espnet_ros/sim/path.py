"""The line the robot drives along, and road coordinates (s along it, u to its left)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]

BEFORE_M = 24.0  # the street goes on behind the start ...
BEYOND_M = 130.0  # ... and past the end, so that every frame is a full view
_STEP_M = 0.25
_GRID_M = 1.0


class Path:
    """A smooth curve of straights and arcs; at s = 0 it is the origin, heading along x.

    :param rng: decides the curves.
    :param length_m: of the drive.
    """

    def __init__(self, rng: np.random.Generator, length_m: float) -> None:
        self.length_m = length_m
        self.s_min, self.s_max = -BEFORE_M, length_m + BEYOND_M
        count = round((self.s_max - self.s_min) / _STEP_M) + 1
        self._s = np.linspace(self.s_min, self.s_max, count)
        self._kappa = _curvature(rng, self._s)
        # Midpoint rule: exact on arcs up to terms in the cube of the step.
        heading = np.concatenate([[0.0], np.cumsum(self._kappa[:-1] * _STEP_M)])
        heading -= np.interp(0.0, self._s, heading)
        middle = heading[:-1] + 0.5 * np.diff(heading)
        x = np.concatenate([[0.0], np.cumsum(np.cos(middle) * _STEP_M)])
        y = np.concatenate([[0.0], np.cumsum(np.sin(middle) * _STEP_M)])
        self._x = x - np.interp(0.0, self._s, x)
        self._y = y - np.interp(0.0, self._s, y)
        self._heading = heading
        self._tables = {
            np.dtype(kind): [
                np.asarray(t, kind)
                for t in (self._x, self._y, np.cos(heading), np.sin(heading), self._kappa, self._s)
            ]
            for kind in (np.float32, np.float64)
        }
        self._start_grid()

    def curvature(self, s: float) -> float:
        """Return the curvature [1/m] at s, positive to the left."""
        return float(np.interp(s, self._s, self._kappa))

    def pose(self, s: float, u: float = 0.0) -> tuple[float, float, float]:
        """Return x [m], y [m] and heading [rad] in odom of the point (s, u)."""
        # A constant heading before and after lets callers look a little past both ends.
        past = s - min(max(s, self.s_min), self.s_max)
        heading = float(np.interp(s, self._s, self._heading))
        c, n = math.cos(heading), math.sin(heading)
        x = float(np.interp(s, self._s, self._x)) + past * c - u * n
        y = float(np.interp(s, self._s, self._y)) + past * n + u * c
        return x, y, heading

    def to_road(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return s and u of points in odom, arrays of one shape and dtype, metres."""
        gx, gy = self._grid_origin
        rows, cols = self._grid.shape
        col = np.clip((x - gx) * (1 / _GRID_M), 0, cols - 1).astype(np.int32)
        row = np.clip((y - gy) * (1 / _GRID_M), 0, rows - 1).astype(np.int32)
        index = self._nearer(x, y, self._grid[row, col])
        ahead, left, along = self._local(x, y, index)
        kappa, s = self._tables[x.dtype][4:]
        return s[index] + along, left - 0.5 * kappa[index] * along * ahead

    def _local(self, x: Array, y: Array, index: npt.NDArray[np.int32]) -> tuple[Array, ...]:
        """Return how far points are ahead and to the left of table entries, and the s of that."""
        px, py, cos, sin, kappa, _ = self._tables[x.dtype]
        dx, dy = x - px[index], y - py[index]
        c, n = cos[index], sin[index]
        ahead, left = dx * c + dy * n, dy * c - dx * n
        return ahead, left, ahead / np.maximum(1 - kappa[index] * left, 0.1, dtype=x.dtype)

    def _nearer(
        self, x: Array, y: Array, index: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.int32]:
        move = np.rint(self._local(x, y, index)[2] * (1 / _STEP_M))
        move = np.clip(move, -len(self._s), len(self._s)).astype(np.int32)
        return np.clip(index + move, 0, len(self._s) - 1)

    def _start_grid(self) -> None:
        margin = 60.0
        # Plain floats: a NumPy scalar would lift float32 arrays to float64.
        self._grid_origin = float(self._x.min() - margin), float(self._y.min() - margin)
        gx = np.arange(self._grid_origin[0], self._x.max() + margin, _GRID_M) + _GRID_M / 2
        gy = np.arange(self._grid_origin[1], self._y.max() + margin, _GRID_M) + _GRID_M / 2
        step, every = 4, 8
        px, py = self._x[::every].astype(np.float32), self._y[::every].astype(np.float32)
        near = [
            np.argmin((gx[::step, None] - px) ** 2 + (row - py) ** 2, axis=1) for row in gy[::step]
        ]
        index = np.kron(np.array(near) * every, np.ones((step, step), int))
        index = index[: len(gy), : len(gx)].astype(np.int32)
        x, y = (np.ascontiguousarray(a) for a in np.meshgrid(gx, gy))
        for _ in range(3):
            index = self._nearer(x, y, index)
        self._grid = index


def _curvature(rng: np.random.Generator, s: npt.NDArray[np.float64]) -> Array:
    kappa = np.zeros_like(s)
    at, heading = 18.0 + 20.0 * rng.random(), 0.0
    while at < s[-1]:
        radius = rng.uniform(45.0, 110.0)
        angle = rng.uniform(math.radians(12), math.radians(55))
        # Turning back when the heading strays keeps the street from meeting itself.
        stray = abs(heading) > math.radians(25)
        sign = -math.copysign(1.0, heading) if stray else rng.choice([-1.0, 1.0])
        end = at + angle * radius
        kappa[(s >= at) & (s < end)] = sign / radius
        heading += sign * angle
        at = end + rng.uniform(15.0, 50.0)
    soft = np.ones(41) / 41  # about 10 m to ease into a curve, as a driver does
    return np.convolve(kappa, soft, mode='same')
