"""The truth about a drive: what each image shows of the ground, and what stands there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.transforms import rigid_inverse

# What is on the ground at (N, 2) metres in odom at a time in seconds: uint8 (N,).
ClassAt = Callable[[npt.NDArray[np.floating], float], npt.NDArray[np.uint8]]

Points = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]

# The limits of the view: they define the figures, whatever a node is configured to leave out.
RANGE_M = 8.0
_BORDER_PX = 2
# A point is shown if the depth at its pixel differs from its own by no more than this: half a
# cell, and what the depth of neighbouring pixels differs by.
_SAME_DEPTH_M, _SAME_DEPTH_SHARE = 0.1, 0.05


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known about a drive on level ground, z = 0 of odom.

    :param camera: of the images.
    :param T_base_camera: float64 (4, 4), base <- optical frame.
    :param poses: T_odom_base, float64 (n, 4, 4), one an image.
    :param rate_hz: images a second of street time, which starts with the first one.
    :param depth_m: (n, H, W) along the optical axis, inf in the sky.
    :param class_at: what is on the ground at (N, 2) metres in odom at a time: uint8 (N,).
    """

    camera: CameraModel
    T_base_camera: npt.NDArray[np.float64]
    poses: npt.NDArray[np.float64]
    rate_hz: float
    depth_m: npt.NDArray[np.floating]
    class_at: ClassAt

    def stamp_s(self, index: int) -> float:
        """Return the street's time of an image."""
        return index / self.rate_hz

    def foot(self, index: int) -> npt.NDArray[np.float64]:
        """Return the place on the ground below the camera, (2,) metres in odom."""
        foot: npt.NDArray[np.float64] = (self.poses[index] @ self.T_base_camera)[:2, 3]
        return foot

    def sees(self, index: int, xy: Points) -> tuple[Flags, Flags]:
        """Tell which points of the ground are in an image's view, and which of them it shows.

        In view is what lies within `RANGE_M` of the camera's foot and inside of the image's
        border; shown is what nothing hides, by the depth of the pixel it falls on.

        :param xy: (N, 2) metres in odom.
        :returns: bool (N,) twice; what is shown is in view.
        """
        xy = np.asarray(xy, np.float64).reshape(-1, 2)
        in_view = np.hypot(*(xy - self.foot(index)).T) <= RANGE_M
        near = np.flatnonzero(in_view)
        points = np.column_stack([xy[near], np.zeros(len(near)), np.ones(len(near))])
        T_camera_odom = rigid_inverse(self.poses[index] @ self.T_base_camera)
        optical = (points @ T_camera_odom.T)[:, :3]
        uv = self.camera.project(optical)
        last = np.array(self.camera.image_wh) - 1 - _BORDER_PX
        with np.errstate(invalid='ignore'):  # NaN is behind the camera
            inside = np.all((uv > _BORDER_PX) & (uv < last), axis=1)
        in_view[near] = inside
        pixel = np.rint(uv[inside]).astype(np.intp)
        there = self.depth_m[index, pixel[:, 1], pixel[:, 0]].astype(np.float64)
        z = optical[inside, 2]
        shown = in_view.copy()
        shown[near[inside]] = np.abs(there - z) < _SAME_DEPTH_M + _SAME_DEPTH_SHARE * z
        return in_view, shown

    def last_shown(self, index: int, xy: Points) -> npt.NDArray[np.intp]:
        """Return the last image up to `index` that shows each point, `index` where none does."""
        xy = np.asarray(xy, np.float64).reshape(-1, 2)
        last = np.full(len(xy), index, np.intp)
        open_ = np.arange(len(xy))
        for earlier in range(index, -1, -1):
            shown = self.sees(earlier, xy[open_])[1]
            last[open_[shown]] = earlier
            open_ = open_[~shown]
            if not open_.size:
                break
        return last

    def classes(self, xy: Points, indices: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
        """Return what is on the ground at points, each at the time of its image: uint8 (N,)."""
        classes = np.zeros(len(xy), np.uint8)
        for index in np.unique(indices):
            these = indices == index
            classes[these] = self.class_at(xy[these], self.stamp_s(int(index)))
        return classes
