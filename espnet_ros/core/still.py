"""Results that are cached for a camera as long as it does not move."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np

from espnet_ros.core.arrays import Floats
from espnet_ros.core.camera import CameraModel

Made = TypeVar('Made')

# How far a camera may move on its mount before its tables are rebuilt, which takes as long as
# reading several images. Suspensions and drivers jitter by less than this, which is a sixth of a
# pixel for 640 columns, and 2 cm at 8 m for a camera 1.2 m high: less than a step there.
_STILL_RAD, _STILL_M = 3e-4, 1e-3


def is_still(T_made: Floats, T: Floats) -> bool:
    """Return whether a camera is still where its tables were made, apart from jitter.

    Compare with the pose of the tables, never with the last pose, or small moves add up.

    :param T_made: (4, 4), base <- optical frame. :param T: (4, 4), the same now.
    """
    # For a small angle between two rotations, the norm of their difference is sqrt(2) times it.
    turned = float(np.linalg.norm(T[:3, :3] - T_made[:3, :3])) / math.sqrt(2.0)
    return turned <= _STILL_RAD and float(np.linalg.norm(T[:3, 3] - T_made[:3, 3])) <= _STILL_M


class WhileStill(Generic[Made]):
    """Caches what was made for a camera in its place until one of the two changes.

    It may be used from several threads, which may then make a thing twice.

    :param make: called with the camera, its (4, 4) base <- optical frame, and the other arguments
        of `of`.
    """

    def __init__(self, make: Callable[..., Made]) -> None:
        self._make = make
        # One tuple, so that no thread combines the place of one result with another result.
        self._held: tuple[tuple[CameraModel, Any], Floats, Made] | None = None

    def of(self, camera: CameraModel, T_base_camera: Floats, *rest: Any) -> Made:
        """Return the result, made anew only if something has changed.

        :param T_base_camera: (4, 4), rigid.
        """
        held = self._held
        if held is None or held[0] != (camera, rest) or not is_still(held[1], T_base_camera):
            T = T_base_camera.copy()
            held = self._held = (camera, rest), T, self._make(camera, T, *rest)
        return held[2]
