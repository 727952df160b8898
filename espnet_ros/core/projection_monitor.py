"""Tells from masks alone that a camera is not where its pose says: above all, a wrong pitch.

Two signs, one for either direction of the error:

- A camera that looks further down than assumed shows the far ground above the assumed horizon.
- A camera that looks further up than assumed puts things too near, and the robot then drives
  through where they were said to be: what stands still is not found again at its place.

Where things are put too far away, most come into range one after the other at new places, so the
second sign is silent; where no far ground is in view, the first one is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.grid import Observation
from espnet_ros.core.labels import Labels
from espnet_ros.core.statistics import RollingPercentiles
from espnet_ros.core.still import WhileStill
from espnet_ros.core.transforms import rigid

Bools = npt.NDArray[np.bool_]

# A pixel's rounding and a mask's ragged edges are not yet above the horizon.
_MARGIN_DEG = 0.5
# About so many rows and columns are read; a pitch error of a degree is 3 of these rows.
_ROWS, _COLUMNS = 180, 120
_MEMORY_LOOKS, _FEWEST_LOOKS = 50, 20
_MOST_ABOVE = 0.00015
# What 70 % of the looks agree on: a network takes a house for road now and then, but a wrong
# mount is wrong in every look.
_PERCENTILE = 30
# Two looks are compared after the robot has moved so far: from 1.2 m high, a pitch error of 2
# degrees then moves what was 5 m away by 0.5 m, the edge of a good mask by a cell of 0.1 m.
_TRAVEL_M = 3.0
_MEMORY_PAIRS, _FEWEST_PAIRS, _FEWEST_CELLS = 20, 3, 30
_FEWEST_KEPT = 0.45


@dataclass(frozen=True, eq=False)
class _Horizon:
    """Where the horizon is assumed, in an image that is turned so that the ground comes first.

    :param turns: of 90 degrees, as `np.rot90` has them: a camera may hang upside down.
    :param above: which pixels look above it, by the margin.
    :param below: which look below it by the margin, or nowhere: lenses have pixels without a ray.
    """

    turns: int
    above: Bools
    below: Bools


class ProjectionMonitor:
    """Watches the projection of one camera; to be used from one thread at a time.

    :param labels: the classes of the masks.
    """

    def __init__(self, labels: Labels) -> None:
        self._ground, self._upright = labels.of_kind('ground'), labels.of_kind('upright')
        self._horizon: WhileStill[_Horizon] = WhileStill(_horizon)
        self._looks = 0
        self._shares = RollingPercentiles(_MEMORY_LOOKS)
        self._last: tuple[Observation, tuple[float, float]] | None = None
        # By class: who moves is never found again, whatever the pose; what stands is.
        self._kept, self._met, self._pairs = np.zeros((3, 256))

    def see(self, mask: UInt8Array, camera: CameraModel, T_base_camera: npt.ArrayLike) -> None:
        """Take in where in the image the ground is.

        :param mask: class ids, uint8 (H, W).
        :param camera: of the mask, so of its size.
        :param T_base_camera: (4, 4), base <- optical frame, as assumed.
        :raises PoseError: if the transform is not rigid.
        """
        down, across = _strides(camera)
        ground = self._ground[mask[::down, ::across]]
        count = int(np.count_nonzero(ground))
        if not count:
            return
        T = rigid(T_base_camera, 'T_base_camera')
        horizon = self._horizon.of(camera, T)
        # Far ground reaches up over the horizon; a patch of a house taken for road hangs there.
        rising = np.logical_and.accumulate(np.rot90(ground, horizon.turns) | horizon.below)
        over = int(np.count_nonzero(rising & horizon.above))
        self._shares.add(over / count)
        self._looks += 1

    def compare(self, observation: Observation, xy: tuple[float, float]) -> None:
        """Take in what a look says about the grid, some way behind the one before.

        :param observation: of this camera.
        :param xy: of the robot in the grid's frame, metres.
        """
        if self._last is None:
            self._last = observation, xy
            return
        before, there = self._last
        moved = math.dist(xy, there)
        if moved < _TRAVEL_M:
            return
        self._last = observation, xy
        if moved > 2 * _TRAVEL_M or before.spec.resolution_m != observation.spec.resolution_m:
            return
        old, new = _common(before, observation)
        things = self._upright[old[0]] & (old[1] > 0)
        if not things.any():
            return
        again = self._upright[new[0]] & (new[1] > 0)
        again = cv2.dilate(again.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
        keep = 1.0 - 1.0 / _MEMORY_PAIRS
        # What is out of view now says nothing.
        kept = np.bincount(old[0][things & again], minlength=256)
        met = np.bincount(old[0][things & (again | (new[1] > 0))], minlength=256)
        self._kept = self._kept * keep + kept
        self._met = self._met * keep + met
        self._pairs = self._pairs * keep + (met > 0)

    def break_off(self) -> None:
        """Compare the next look with none before it, as after a jump of the pose."""
        self._last = None

    def problem(self) -> str:
        """Return what shows that the assumed pose is wrong, in one sentence, or ''."""
        cure = 'check the pitch in camera_mount or in the TF of the camera'
        share = self._above_horizon()
        if self._looks >= _FEWEST_LOOKS and share > _MOST_ABOVE:
            return (
                f'{100 * share:.3f} % of the ground in view is above the assumed horizon '
                f'(expected at most {100 * _MOST_ABOVE:.3f} %): the camera looks further down '
                f'than its pose says, {cure}'
            )
        kept = self._best_kept(_FEWEST_CELLS, _FEWEST_PAIRS)
        if kept is not None and kept < _FEWEST_KEPT:
            return (
                f'of no class more than {100 * kept:.0f} % of the obstacle cells in view are '
                f'found again after {_TRAVEL_M:g} m (expected at least {100 * _FEWEST_KEPT:.0f} '
                f'%): the camera looks further up than its pose says, {cure}, or the odometry '
                'is wrong'
            )
        return ''

    def values(self) -> dict[str, str]:
        """Return the figures for diagnostics."""
        best = self._best_kept(1, 1)
        kept = 'none yet' if best is None else f'{100 * best:.0f} %'
        return {
            'ground above the horizon': f'{100 * self._above_horizon():.3f} %',
            f'obstacle cells found again after {_TRAVEL_M:g} m': kept,
        }

    def _best_kept(self, cells: int, pairs: int) -> float | None:
        """Return what share of the class that is found again best was.

        :param cells: of a class that were looked for, at least. :param pairs: of looks, at least.
        :returns: 0 to 1, None where no class was looked for so often.
        """
        # The oldest pairs have faded a little.
        known = (self._met >= cells) & (self._pairs > pairs - 0.5)
        if not known.any():
            return None
        return float((self._kept[known] / self._met[known]).max())

    def _above_horizon(self) -> float:
        return self._shares.percentile(_PERCENTILE) or 0.0


def _horizon(camera: CameraModel, T: npt.NDArray[np.float64]) -> _Horizon:
    width, height = camera.image_wh
    down, across = _strides(camera)
    u, v = np.meshgrid(np.arange(0, width, across), np.arange(0, height, down))
    rays = camera.rays(np.stack([u, v], axis=-1)) @ T[:3, :3].T
    rise = math.tan(math.radians(_MARGIN_DEG))
    # Of the sides that come first after so many turns, from the upper one on, the lowest.
    right, lower = T[2, :2]
    turns = int(np.argmax([lower, -right, -lower, right]))
    rays = np.rot90(rays, turns)
    with np.errstate(invalid='ignore'):  # NaN has no ray
        limit = rise * np.hypot(rays[..., 0], rays[..., 1])
        return _Horizon(turns, rays[..., 2] > limit, ~(rays[..., 2] > -limit))


def _strides(camera: CameraModel) -> tuple[int, int]:
    width, height = camera.image_wh
    return max(1, height // _ROWS), max(1, width // _COLUMNS)


def _common(
    first: Observation, second: Observation
) -> list[tuple[UInt8Array, npt.NDArray[np.float32]]]:
    """Return class ids and weights of the cells that two observations share."""
    parts = []
    low = np.maximum(first.spec.origin_cells, second.spec.origin_cells)
    high = np.minimum(
        np.add(first.spec.origin_cells, first.spec.size_cells),
        np.add(second.spec.origin_cells, second.spec.size_cells),
    )
    for look in (first, second):
        start, stop = low - look.spec.origin_cells, np.maximum(high, low) - look.spec.origin_cells
        window = slice(start[1], stop[1]), slice(start[0], stop[0])
        parts.append((look.class_ids[window], look.weights[window]))
    return parts
