"""Cameras that stay where they are, and what is made for them until they do not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np

from espnet_ros.core.arrays import Floats
from espnet_ros.core.camera import CameraModel

Made = TypeVar('Made')

# How far a camera may move on its mount before its tables are made anew, which takes as long as
# reading several images. Suspensions and drivers tremble by less than this, which is a sixth of
# a pixel of a camera with 640 columns, and from 1.2 m high 2 cm at 8 m: less than a step there.
_STILL_RAD, _STILL_M = 3e-4, 1e-3


def is_still(T_made: Floats, T: Floats) -> bool:
    """Return whether a camera is where tables were made for it, but for a trembling.

    Compare with the pose of the tables and never with the last one, or small moves add up.

    :param T_made: (4, 4), base <- optical frame. :param T: (4, 4), the same now.
    """
    # The matrices of two rotations by an angle from each other differ by sqrt(2) times it.
    turned = float(np.linalg.norm(T[:3, :3] - T_made[:3, :3])) / math.sqrt(2.0)
    return turned <= _STILL_RAD and float(np.linalg.norm(T[:3, 3] - T_made[:3, 3])) <= _STILL_M


class WhileStill(Generic[Made]):
    """The last thing that was made for a camera in its place, until one of the two changes.

    May be used from several threads; they may then make a thing twice.

    :param make: called with the camera, its (4, 4) base <- optical frame, and what else `of` was
        given.
    """

    def __init__(self, make: Callable[..., Made]) -> None:
        self._make = make
        # In one, so that no thread sees the place of one thing beside another.
        self._held: tuple[tuple[CameraModel, Any], Floats, Made] | None = None

    def of(self, camera: CameraModel, T_base_camera: Floats, *rest: Any) -> Made:
        """Return it, made anew only where something has changed.

        :param T_base_camera: (4, 4), rigid.
        """
        held = self._held
        if held is None or held[0] != (camera, rest) or not is_still(held[1], T_base_camera):
            T = T_base_camera.copy()
            held = self._held = (camera, rest), T, self._make(camera, T, *rest)
        return held[2]
