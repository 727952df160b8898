"""Decides from a camera's pose whether its images are upright, as the network needs them."""

from __future__ import annotations

import math

from espnet_ros.core.arrays import Floats

# From the first angle on, the camera lies on its side; from the second on, it is upside down.
_SIDE_DEG, _TURNED_DEG = 45.0, 135.0
# If the optical axis is nearer to the vertical than this, the image has no up and down.
_VERTICAL_DEG = 20.0


def roll_deg(T_base_camera: Floats) -> float | None:
    """Return the angle between the image's up and the robot's up as seen in the image.

    :param T_base_camera: (4, 4), base <- optical frame, rigid.
    :returns: 0 to 180 degrees; None for a camera that looks almost straight down or up.
    """
    # The base frame's z along the axes of the optical frame: right, down, forward.
    right, down, _ = map(float, T_base_camera[2, :3])
    if math.hypot(right, down) < math.sin(math.radians(_VERTICAL_DEG)):
        return None
    return abs(math.degrees(math.atan2(right, -down)))


def roll_problem(T_base_camera: Floats, upside_down: bool, parameter: str) -> str:
    """Return why the network does not see upright images, and the cure, or ''.

    :param T_base_camera: (4, 4), base <- optical frame, rigid.
    :param upside_down: whether the images are turned by 180 degrees for the network.
    :param parameter: the name of the parameter that turns them.
    """
    roll = roll_deg(T_base_camera)
    if roll is None:
        return ''
    mend = 'correct the roll in camera_mount or in the TF of the camera'
    rolled = f'(rolled by {roll:.0f} degrees)'
    if _SIDE_DEG <= roll <= _TURNED_DEG:
        return (
            f'by its pose, the camera lies on its side {rolled}, and masks of such images are '
            f'poor: turn images and camera_info in its driver, or {mend}'
        )
    if roll > _TURNED_DEG and not upside_down:
        return (
            f'by its pose, the camera hangs upside down {rolled}, and masks of such images are '
            f'poor: set {parameter} to true, or {mend}'
        )
    if roll < _SIDE_DEG and upside_down:
        return (
            f'{parameter} is true, but by its pose the camera is upright {rolled}: set it to '
            f'false, or {mend}'
        )
    return ''
