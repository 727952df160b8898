"""Which pixel shows which place on the ground: tables for one camera in one place.

Both tables are lattices on z = 0 of the base frame whose points are projected into the image, so
that reading an image takes lookups only. The fan follows the rays that leave the camera's foot,
along which one thing hides another. The plan is a picture of the ground in base coordinates, from
which cells are read for any pose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import Bools, Floats, Pixels
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.errors import PoseError
from espnet_ros.core.gates import Gates
from espnet_ros.core.ground_inputs import check_height
from espnet_ros.core.strays import StrayFilter, stray_filter

# Of a fan with rays all around; making it takes about 1 s for an ordinary camera.
_MAX_POINTS = 8_000_000
# Steps in cells: along a ray, across rays at full range, and of the plan.
_ALONG, _ACROSS, _PLAN = 0.25, 0.5, 0.5


@dataclass(frozen=True, eq=False)
class Fan:
    """Rays on the ground that leave the camera's foot.

    :param pixels: int32 (A, R), indices into the image's pixels, row by row.
    :param seen: bool (A, R), which places the image shows.
    :param directions: (A, 2) unit vectors in the base frame.
    :param foot: (2,) metres in the base frame.
    :param height_m: of the camera above the foot.
    :param ranges_m: (R,) distances from the foot, evenly spaced.
    :param weights: float32 (R,), see `_View.weight`; 0 outside of the range gates.
    :param strays: removes false contacts on these rays.
    """

    pixels: Pixels
    seen: Bools
    directions: Floats
    foot: Floats
    height_m: float
    ranges_m: Floats
    weights: npt.NDArray[np.float32]
    strays: StrayFilter


@dataclass(frozen=True, eq=False)
class Plan:
    """The ground in base coordinates; values between its points are interpolated.

    :param looks: float32 (rows, columns, 3): u, v and weight (see `_View.weight`). u and v
        may be off the image, or NaN if no pixel exists; the outermost weights are 0.
    :param low_m: (2,) x and y of point (0, 0) in the base frame.
    :param step_m: between points.
    :param low_px: u and v are used if above it ...
    :param high_px: ... and below it, (2,).
    """

    looks: npt.NDArray[np.float32]
    low_m: Floats
    step_m: float
    low_px: Floats
    high_px: Floats


@dataclass(frozen=True, eq=False)
class GroundTables:
    """Both tables of one camera in one place."""

    fan: Fan
    plan: Plan


def build_tables(
    camera: CameraModel, T_base_camera: Floats, gates: Gates, resolution_m: float
) -> GroundTables:
    """Return the tables of a camera.

    :param camera: of the masks.
    :param T_base_camera: (4, 4), rigid, base <- optical frame; the ground is z = 0 of base.
    :param resolution_m: of the grid's cells; the tables may be coarser if the range is more than
        400 cells.
    :raises PoseError: if the camera is not above the ground or sees none of it, or the border
        leaves nothing of the image.
    """
    check_height(T_base_camera)
    height = float(T_base_camera[2, 3])
    reach = gates.reach_m(height)
    view = _View(camera, T_base_camera, gates, reach, resolution_m)
    if reach <= 0.5 * _ALONG * view.cell_m:
        raise PoseError(
            f'the ground is seen only up to {reach:.2f} m, far less than a cell of '
            f'{resolution_m:g} m: lower grid.resolution, or raise projection.max_range'
        )
    fan = _fan(view)
    if not fan.seen.any():
        raise PoseError(
            f'the camera, {height:.2f} m above the ground, sees none of it between '
            f'{gates.min_range_m:g} and {reach:.2f} m: does it look above the horizon, or is '
            'header.frame_id not an optical frame (z forward, x right, y down)? Check '
            'camera_mount or the TF of the camera, projection.border, projection.min_range '
            'and max_range'
        )
    return GroundTables(fan, _plan(view, fan))


@dataclass(frozen=True, eq=False)
class _View:
    camera: CameraModel
    T: Floats
    gates: Gates
    reach_m: float
    resolution_m: float

    @cached_property
    def cell_m(self) -> float:
        """Return the side of the cells that the lattices are made for.

        For cells that are tiny compared to the range, lattices would fill the memory, so they are
        made for larger cells. At the bound, rays are 0.07 degrees apart and places a 1600th of the
        range, about as fine as pixels. On the virtual street with cells of 0.02 m and a range of
        20 m, 99.97 % of the cells are the same as without the bound.
        """
        coarsest = self.reach_m * math.sqrt(2 * math.pi / (_ACROSS * _ALONG * _MAX_POINTS))
        return max(self.resolution_m, coarsest)

    def look(self, xy: Floats) -> tuple[Pixels, Bools]:
        """Return the pixels that show ground points (2, ...), and which points the image shows."""
        low, high = self.used_px()
        u, v = self.project(xy)
        with np.errstate(invalid='ignore'):  # NaN has no pixel
            seen = (u > low[0]) & (u < high[0]) & (v > low[1]) & (v < high[1])
        u, v = (np.rint(np.where(seen, at, 0.0)).astype(np.int32) for at in (u, v))
        return v * np.int32(self.camera.image_wh[0]) + u, seen

    def project(self, xy: Floats) -> Floats:
        """Return u and v of ground points (2, ...), as CameraModel.project does."""
        back = self.T[:3, :3].T
        points = back[:, :2] @ xy.reshape(2, -1) - (back @ self.T[:3, 3])[:, None]
        # All x lie before all y in memory: three times as fast as point by point.
        uv: Floats = self.camera.project(points.T).T.reshape(xy.shape)
        return uv

    def used_px(self) -> tuple[Floats, Floats]:
        """Return the bounds of u and v between which the image is used, each (2,)."""
        first, end = self.gates.used_px(self.camera.image_wh)
        return np.array(first) - 0.5, np.array(end) - 0.5

    def weight(self, ranges_m: Floats) -> npt.NDArray[np.float32]:
        """Return the share of a pixel's evidence that one cell gets, up to 1, by range.

        A pixel's length on the ground grows with the square of its distance; a cell shorter than
        that shares the pixel with its neighbours.
        """
        height = float(self.T[2, 3])
        length = (ranges_m**2 + height**2) / (height * self.camera.focal_px)
        weight = np.minimum(1.0, self.resolution_m / length)
        gated = (ranges_m < self.gates.min_range_m) | (ranges_m > self.reach_m)
        return np.where(gated, 0.0, weight).astype(np.float32)


def _fan(view: _View) -> Fan:
    step = _ALONG * view.cell_m
    ranges = np.arange(0.5 * step, view.reach_m, step)
    count = math.ceil(2 * math.pi * view.reach_m / (_ACROSS * view.cell_m))
    angles = np.linspace(-math.pi, math.pi, count, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    foot = view.T[:2, 3].copy()
    # Most rays lead where the camera does not look: try every fourth one first.
    some = view.look(_along(foot, directions[::4], ranges[::2]))[1].any(axis=1)
    some |= np.roll(some, 1) | np.roll(some, -1)
    rays = np.flatnonzero(np.repeat(some, 4)[:count])
    directions = directions[rays]
    pixels, seen = view.look(_along(foot, directions, ranges))
    seen[:, 0] = False  # the start of a ray, see GroundProjector.contacts
    useful = seen.any(axis=1)
    end = int(np.flatnonzero(seen.any(axis=0)).max(initial=-1)) + 1
    pixels = np.ascontiguousarray(pixels[useful, :end])
    seen = np.ascontiguousarray(seen[useful, :end])
    height, ranges = float(view.T[2, 3]), ranges[:end]
    strays = stray_filter(rays[useful], count, ranges, height, view.camera.focal_px)
    return Fan(
        pixels, seen, directions[useful], foot, height, ranges, view.weight(ranges), strays
    )


def _along(foot: Floats, directions: Floats, ranges_m: Floats) -> Floats:
    """Return x and y of the places on rays, (2, A, R)."""
    places: Floats = foot[:, None, None] + directions.T[..., None] * ranges_m
    return places


def _plan(view: _View, fan: Fan) -> Plan:
    step = _PLAN * view.cell_m
    # The first and last seen place of each ray are the outermost.
    last = fan.seen.shape[1] - 1 - fan.seen[:, ::-1].argmax(axis=1)
    ends = np.stack([fan.seen.argmax(axis=1), last])
    points = fan.foot + fan.directions * fan.ranges_m[ends][..., None]
    low = points.min(axis=(0, 1)) - 2 * step
    cols, rows = np.ceil((points.max(axis=(0, 1)) + 2 * step - low) / step).astype(int) + 1
    xy = np.stack(np.meshgrid(low[0] + step * np.arange(cols), low[1] + step * np.arange(rows)))
    looks = np.empty((rows, cols, 3), np.float32)
    looks[..., 0], looks[..., 1] = view.project(xy)
    looks[..., 2] = view.weight(np.hypot(*(xy - fan.foot[:, None, None])))
    looks[[0, -1], :, 2] = 0.0
    looks[:, [0, -1], 2] = 0.0
    return Plan(looks, low, step, *view.used_px())
