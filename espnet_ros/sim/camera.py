"""A pinhole camera on the robot, and the view it has from one pose."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.transforms import camera_mount

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """Where the camera sits on the robot and how wide it sees; it never rolls.

    :param height_m: above the ground, which is z = 0 of the base frame.
    :param pitch_rad: how far it looks down; 0 looks at the horizon.
    :param hfov_rad: horizontal field of view.
    :param yaw_rad: about base z, positive to the left.
    :param forward_m: mount position along base x.
    :param left_m: mount position along base y.
    :raises ParameterError: if a value makes no camera; all offenders are listed.
    """

    height_m: float = 1.2
    pitch_rad: float = math.radians(10.0)
    hfov_rad: float = math.radians(70.0)
    yaw_rad: float = 0.0
    forward_m: float = 0.0
    left_m: float = 0.0

    def __post_init__(self) -> None:
        problems = []
        if not self.height_m > 0.0:
            problems.append(f'height_m must be above 0, got {self.height_m}')
        if not abs(self.pitch_rad) < math.pi / 2:
            problems.append(f'pitch_rad must be within -pi/2..pi/2, got {self.pitch_rad}')
        if not 0.0 < self.hfov_rad < math.pi:
            problems.append(f'hfov_rad must be within 0..pi, got {self.hfov_rad}')
        if problems:
            raise ParameterError('camera refused: ' + '; '.join(problems))

    def matrix(self, size_wh: tuple[int, int]) -> Array:
        """Return K, float64 (3, 3), with pixel centres at whole numbers.

        :param size_wh: image size in pixels.
        """
        width, height = size_wh
        focal = 0.5 * width / math.tan(0.5 * self.hfov_rad)
        return np.array(
            [[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]]
        )

    def pose(self) -> Array:
        """Return T_base_camera, float64 (4, 4); the optical frame has z forward, y down."""
        place = self.forward_m, self.left_m, self.height_m
        return camera_mount(place, (0.0, self.pitch_rad, self.yaw_rad))


def planar_pose(x: float, y: float, yaw: float) -> Array:
    """Return the transform of a body standing on the ground, float64 (4, 4).

    :param x: metres. :param y: metres. :param yaw: rad, about z.
    """
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array(
        [[c, -s, 0.0, x], [s, c, 0.0, y], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    )
