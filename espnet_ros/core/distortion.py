"""Lens distortion of normalised image coordinates, and where it stops being one-to-one.

A fitted polynomial is meaningless beyond the field it was fitted to: it turns back, and maps
points far outside of the image into it. Both models know where that first happens and return NaN
from there on, where OpenCV returns a number. (Lenses so decentred that p1 or p2 is 0.03 may fold
before that point, too; at 0.01 none was found to.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numpy.polynomial import polynomial

from espnet_ros.core.arrays import Floats

# Beyond this angle from the optical axis, z = 1 no longer represents rays well.
MAX_ANGLE_RAD = math.radians(89.0)
_ITERATIONS = 25
_TOLERANCE = 1e-9


class Distortion(Protocol):
    """A map between ideal and distorted normalised coordinates, both float64 (N, 2)."""

    def distort(self, xy: Floats) -> Floats:
        """Return where the lens puts ideal points, NaN outside of the valid domain."""

    def undistort(self, xy: Floats) -> Floats:
        """Return the ideal points the lens puts there, NaN where there are none."""


class BrownConrady:
    """ROS' plumb_bob and rational_polynomial: radial, rational in r squared, and tangential.

    :param coefficients: up to 8, in OpenCV's order k1, k2, p1, p2, k3, k4, k5, k6.
    """

    def __init__(self, coefficients: Sequence[float] | Floats) -> None:
        k1, k2, self._p1, self._p2, k3, k4, k5, k6 = [*coefficients, *[0.0] * 8][:8]
        self._top: npt.NDArray[Any] = polynomial.polytrim([1.0, k1, k2, k3])
        self._bottom: npt.NDArray[Any] = polynomial.polytrim([1.0, k4, k5, k6])
        self._top_d = polynomial.polyder(self._top)
        self._bottom_d = polynomial.polyder(self._bottom)
        # d/dr of r * top / bottom, times bottom squared, in s = r * r.
        rise = polynomial.polysub(
            polynomial.polymul(self._top_d, self._bottom),
            polynomial.polymul(self._top, self._bottom_d),
        )
        slope = polynomial.polyadd(
            polynomial.polymul(self._top, self._bottom), 2 * polynomial.polymulx(rise)
        )
        last = math.tan(MAX_ANGLE_RAD) ** 2
        self._s_max = min(_first_root(slope, last), _first_root(self._bottom, last))
        # Evenly spaced in angle: dense where images are, and still reaching the last ray.
        self._r = np.tan(np.linspace(0.0, math.atan(math.sqrt(self._s_max)), 1024))
        s = self._r * self._r
        self._r_distorted = self._r * (
            polynomial.polyval(s, self._top) / _not_zero(polynomial.polyval(s, self._bottom))
        )
        # Where the domain ends at a pole, the last entries would be arbitrary.
        self._r_distorted = np.maximum.accumulate(self._r_distorted)

    def distort(self, xy: Floats) -> Floats:
        """Return where the lens puts ideal points, NaN outside of the valid domain."""
        distorted, (xx, xy_, yy) = self._map(xy)
        s = (xy * xy).sum(axis=1)
        distorted[~((s < self._s_max) & (xx * yy > xy_ * xy_) & (xx > 0))] = np.nan
        return distorted

    def undistort(self, xy: Floats) -> Floats:
        """Return the ideal points the lens puts there, NaN where there are none."""
        r_distorted = np.hypot(xy[:, 0], xy[:, 1])
        r = np.interp(r_distorted, self._r_distorted, self._r)
        ideal = xy * (r / np.where(r_distorted > 0, r_distorted, 1.0))[:, None]
        with np.errstate(all='ignore'):  # points without a solution may diverge: NaN below
            for _ in range(_ITERATIONS):
                found, (xx, xy_, yy) = self._map(ideal)
                dx, dy = (found - xy).T
                determinant = xx * yy - xy_ * xy_
                step = np.stack([yy * dx - xy_ * dy, xx * dy - xy_ * dx]) / determinant
                ideal = ideal - step.T
                if _largest(step) < 0.1 * _TOLERANCE:
                    break
            missed = np.abs(self.distort(ideal) - xy).max(axis=1)
            ideal[~(missed < _TOLERANCE * (1.0 + r_distorted))] = np.nan
        return ideal

    def _map(self, xy: Floats) -> tuple[Floats, tuple[Floats, Floats, Floats]]:
        """Return the distorted points and their Jacobian, which is symmetric: xx, xy, yy."""
        x, y = xy[:, 0], xy[:, 1]
        s = x * x + y * y
        top, bottom = polynomial.polyval(s, self._top), polynomial.polyval(s, self._bottom)
        bottom = _not_zero(bottom)
        f = top / bottom
        f_d = polynomial.polyval(s, self._top_d) - f * polynomial.polyval(s, self._bottom_d)
        f_d = f_d / bottom
        p1, p2 = self._p1, self._p2
        distorted = np.stack(
            [
                x * f + 2 * p1 * x * y + p2 * (s + 2 * x * x),
                y * f + p1 * (s + 2 * y * y) + 2 * p2 * x * y,
            ]
        ).T
        xx = f + 2 * x * x * f_d + 2 * p1 * y + 6 * p2 * x
        yy = f + 2 * y * y * f_d + 6 * p1 * y + 2 * p2 * x
        return distorted, (xx, 2 * x * y * f_d + 2 * p1 * x + 2 * p2 * y, yy)


class Equidistant:
    """ROS' equidistant: OpenCV's fisheye model, a polynomial in the angle from the axis.

    :param coefficients: k1 .. k4.
    """

    def __init__(self, coefficients: Sequence[float] | Floats) -> None:
        k = np.array([1.0, *coefficients])
        slope: Floats = k * (2.0 * np.arange(len(k)) + 1.0)
        last = math.sqrt(_first_root(slope, MAX_ANGLE_RAD**2))
        self._k, self._slope, self._angle_max = k, slope, last
        self._angle = np.linspace(0.0, last, 1024)
        self._r_distorted = self._angle * polynomial.polyval(self._angle**2, k)

    def distort(self, xy: Floats) -> Floats:
        """Return where the lens puts ideal points, NaN outside of the valid domain."""
        r = np.hypot(xy[:, 0], xy[:, 1])
        angle = np.arctan(r)
        r_distorted = angle * polynomial.polyval(angle * angle, self._k)
        r_distorted[~(angle < self._angle_max)] = np.nan
        return xy * np.where(r > 1e-12, r_distorted / np.maximum(r, 1e-12), 1.0)[:, None]

    def undistort(self, xy: Floats) -> Floats:
        """Return the ideal points the lens puts there, NaN where there are none."""
        wanted = np.hypot(xy[:, 0], xy[:, 1])
        angle = np.interp(wanted, self._r_distorted, self._angle)
        for _ in range(_ITERATIONS):
            s = angle * angle
            slope = np.maximum(polynomial.polyval(s, self._slope), 1e-12)
            step = (angle * polynomial.polyval(s, self._k) - wanted) / slope
            angle = np.clip(angle - step, 0.0, self._angle_max)
            if _largest(step) < 0.1 * _TOLERANCE:
                break
        r = np.tan(angle)
        r[~((angle < self._angle_max) & (wanted < self._r_distorted[-1]))] = np.nan
        return xy * np.where(wanted > 1e-12, r / np.maximum(wanted, 1e-12), 1.0)[:, None]


def _first_root(coefficients: Floats, last: float) -> float:
    """Return the smallest positive root below a limit, or the limit."""
    trimmed = polynomial.polytrim(coefficients)
    roots = polynomial.polyroots(trimmed) if len(trimmed) > 1 else np.zeros(0)
    real = roots[np.abs(roots.imag) < 1e-9 * (1.0 + np.abs(roots.real))].real
    return float(min([last, *real[real > 1e-12]]))


def _not_zero(values: Floats) -> Floats:
    return np.where(values == 0.0, 1e-300, values)


def _largest(step: Floats) -> float:
    # Humble's NumPy 1.21 has no `initial` for nanmax.
    return float(np.fmax.reduce(np.abs(step), axis=None, initial=0.0))
