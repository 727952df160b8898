"""Detects that time went back or the robot's pose jumped, so that the grid must be cleared."""

from __future__ import annotations

import math

import numpy as np

from espnet_ros.core.arrays import Floats
from espnet_ros.core.time_rules import RESTART_S

# No robot that this package is meant for moves farther than this between two looks.
_JUMP_M, _JUMP_M_PER_S = 1.0, 30.0
# Nor does it turn farther: half a second allows half a turn, so only a robot that spins faster
# than 6 rad/s could seem to jump; robots that turn on the spot reach 4.
_JUMP_RAD, _JUMP_RAD_PER_S = math.pi / 2, 3.0


def break_since(last: tuple[float, Floats] | None, stamp_s: float, pose: Floats) -> str:
    """Return why everything known belongs to another time or place, or ''.

    Call it per camera: two cameras whose clocks differ would clear the grid at every image.

    :param last: stamp and pose of its last look, seconds and (4, 4); None if there is none.
    :param stamp_s: of the new one. :param pose: (4, 4), the grid's frame <- base.
    """
    if last is None:
        return ''
    last_s, last_pose = last
    if stamp_s < last_s - RESTART_S:
        return f'time went back by {last_s - stamp_s:.1f} s'
    moved = float(np.linalg.norm(pose[:2, 3] - last_pose[:2, 3]))
    if moved > _JUMP_M + _JUMP_M_PER_S * abs(stamp_s - last_s):
        return f'the pose jumped by {moved:.1f} m in {stamp_s - last_s:.2f} s'
    turned = _yaw_between(last_pose, pose)
    if turned > _JUMP_RAD + _JUMP_RAD_PER_S * abs(stamp_s - last_s):
        degrees = math.degrees(turned)
        return f'the pose turned by {degrees:.0f} degrees in {stamp_s - last_s:.2f} s'
    return ''


def _yaw_between(first: Floats, second: Floats) -> float:
    """Return the angle about z between two poses, (4, 4), 0 to pi."""
    turn = first[:2, :2].T @ second[:2, :2]
    return abs(math.atan2(turn[1, 0] - turn[0, 1], turn[0, 0] + turn[1, 1]))
