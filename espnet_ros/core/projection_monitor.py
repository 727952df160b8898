"""Detects from masks alone that a camera is not where its pose says: above all, a wrong pitch.

There are two signs, one for each direction of the error:

- A camera that looks further down than assumed shows the far ground above the assumed horizon.
- A camera that looks further up than assumed puts things too near, and the robot then drives
  through the places where they seemed to be: static things are not found again at their places.

If things are put too far away, most come into range one after the other at new places, so the
second sign does not show. If no far ground is in view, the first one does not show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import Bools, Floats, UInt8Array
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.grid import Observation
from espnet_ros.core.labels import Labels
from espnet_ros.core.statistics import RollingPercentiles
from espnet_ros.core.still import WhileStill
from espnet_ros.core.transforms import rigid

# Tolerance for the rounding of pixels and the ragged edges of masks.
_MARGIN_DEG = 0.5
# About this many rows and columns are read; a pitch error of one degree is 3 of these rows.
_ROWS, _COLUMNS = 180, 120
_MEMORY_LOOKS, _FEWEST_LOOKS = 50, 20
_MOST_ABOVE = 0.00015
# A share that 70 % of the looks exceed: a network takes a house for road now and then, but a wrong
# mount is wrong in every look.
_PERCENTILE = 30
# Two looks are compared after the robot has moved this far. Then, from 1.2 m high, a pitch error
# of 2 degrees moves what was 5 m away by 0.5 m, and the edge of a good mask by a cell of 0.1 m.
_TRAVEL_M = 3.0
_MEMORY_PAIRS, _FEWEST_PAIRS, _FEWEST_CELLS = 20, 3, 30
_FEWEST_KEPT = 0.45


@dataclass(frozen=True, eq=False)
class _Horizon:
    """The assumed horizon in an image that is turned so that the ground comes first.

    :param turns: by 90 degrees, as in `np.rot90`: a camera may hang upside down.
    :param above: which pixels look above it by more than the margin.
    :param below: which look below it by the margin or have no ray, as some pixels of a lens.
    """

    turns: int
    above: Bools
    below: Bools


class ProjectionMonitor:
    """Watches the projection of one camera; use it from one thread at a time.

    :param labels: the classes of the masks.
    """

    def __init__(self, labels: Labels) -> None:
        self._ground, self._upright = labels.of_kind('ground'), labels.of_kind('upright')
        self._horizon: WhileStill[_Horizon] = WhileStill(_horizon)
        self._looks = 0
        self._shares = RollingPercentiles(_MEMORY_LOOKS)
        self._last: tuple[Observation, tuple[float, float]] | None = None
        # By class, because moving things are never found again, whatever the pose.
        self._kept, self._met, self._pairs = np.zeros((3, 256))

    def see(self, mask: UInt8Array, camera: CameraModel, T_base_camera: npt.ArrayLike) -> None:
        """Add where the ground is in an image.

        :param mask: class ids, uint8 (H, W).
        :param camera: the model for the mask, so of its size.
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
        # Far ground reaches up over the horizon without a gap, unlike a house taken for road.
        rising = np.logical_and.accumulate(np.rot90(ground, horizon.turns) | horizon.below)
        over = int(np.count_nonzero(rising & horizon.above))
        self._shares.add(over / count)
        self._looks += 1

    def compare(self, observation: Observation, xy: tuple[float, float]) -> None:
        """Compare a look's observation with an earlier one, once the robot has moved far enough.

        :param observation: by this camera.
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
        # Cells that are out of view now do not count.
        kept = np.bincount(old[0][things & again], minlength=256)
        met = np.bincount(old[0][things & (again | (new[1] > 0))], minlength=256)
        self._kept = self._kept * keep + kept
        self._met = self._met * keep + met
        self._pairs = self._pairs * keep + (met > 0)

    def break_off(self) -> None:
        """Do not compare the next look with an earlier one, e.g. after a jump of the pose."""
        self._last = None

    def problem(self) -> str:
        """Return a sentence that says why the assumed pose seems wrong, or ''."""
        cure = 'check the pitch in camera_mount or in the TF of the camera'
        share = self._above_horizon()
        if self._looks >= _FEWEST_LOOKS and share > _MOST_ABOVE:
            return (
                f'{100 * share:.3f} % of the ground in view is above the assumed horizon '
                f'(expected at most {100 * _MOST_ABOVE:.3f} %): the camera looks further down '
                f'than its pose says; {cure}'
            )
        kept = self._best_kept(_FEWEST_CELLS, _FEWEST_PAIRS)
        if kept is not None and kept < _FEWEST_KEPT:
            return (
                f'even of the best class, only {100 * kept:.0f} % of the obstacle cells in view '
                f'are found again after {_TRAVEL_M:g} m (expected at least '
                f'{100 * _FEWEST_KEPT:.0f} %): the camera looks further up than its pose says, '
                f'or the odometry is wrong; {cure}'
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
        """Return the share of cells found again for the class with the highest share.

        :param cells: the fewest of a class looked for. :param pairs: the fewest pairs of looks.
        :returns: 0 to 1, None if no class was looked for that often.
        """
        # Half a pair less, because older pairs have faded a little.
        known = (self._met >= cells) & (self._pairs > pairs - 0.5)
        if not known.any():
            return None
        return float((self._kept[known] / self._met[known]).max())

    def _above_horizon(self) -> float:
        return self._shares.percentiles([_PERCENTILE])[0] or 0.0


def _horizon(camera: CameraModel, T: Floats) -> _Horizon:
    width, height = camera.image_wh
    down, across = _strides(camera)
    u, v = np.meshgrid(np.arange(0, width, across), np.arange(0, height, down))
    rays = camera.rays(np.stack([u, v], axis=-1)) @ T[:3, :3].T
    rise = math.tan(math.radians(_MARGIN_DEG))
    # After 0 to 3 turns the upper, right, lower or left side comes first: take the lowest one.
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
    """Return class ids and weights of the cells that two observations have in common."""
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
