"""Rigid transforms as 4x4 matrices, checked where they enter."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import Floats
from espnet_ros.core.errors import ParameterError, PoseError

_TOLERANCE = 1e-4
# Nothing on Earth is this far from any origin, and a grid can still resolve its cells there.
_FARTHEST_M = 1e9
# How far the norm of a quaternion may be off 1 and still count as rounding.
_NORM_TOLERANCE = 0.01
# The columns are the axes of the optical frame (right, down, forward) in a body frame that looks
# along x with z up.
_R_BODY_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def rigid(transform: npt.ArrayLike, name: str) -> Floats:
    """Return a transform as float64 (4, 4).

    :param transform: (4, 4), metres.
    :param name: for the message, e.g. ``T_grid_base``.
    :raises PoseError: if it is not finite or not a rotation with a translation.
    """
    matrix = np.asarray(transform, np.float64)
    if matrix.shape != (4, 4):
        raise PoseError(f'{name} must be a (4, 4) matrix, got shape {matrix.shape}')
    if not np.isfinite(matrix).all():
        raise PoseError(f'{name} must be finite, got {matrix.round(3).tolist()}')
    R = matrix[:3, :3]
    off = max(
        float(np.abs(R @ R.T - np.eye(3)).max()), float(np.abs(matrix[3] - [0, 0, 0, 1]).max())
    )
    if off > _TOLERANCE or np.linalg.det(R) < 0:
        raise PoseError(
            f'{name} must be a rotation with a translation, got {matrix.round(3).tolist()}: '
            'normalise the quaternion it comes from'
        )
    return matrix


def from_quaternion(translation: npt.ArrayLike, quaternion: npt.ArrayLike, name: str) -> Floats:
    """Return a translation and a rotation as one transform, float64 (4, 4).

    :param translation: (3,) x, y, z in metres.
    :param quaternion: (4,) x, y, z, w; a norm off 1 by up to 1 % is normalised.
    :param name: for the message, e.g. ``T_grid_base``.
    :raises PoseError: if a value is not finite, the norm is further off, or the position is
        more than 1e9 m from the origin.
    """
    position = np.asarray(translation, np.float64)
    q = np.asarray(quaternion, np.float64)
    if not (np.isfinite(position).all() and np.isfinite(q).all()):
        raise PoseError(
            f'{name} must be finite, got position {position.tolist()}, orientation {q.tolist()}'
        )
    if np.abs(position).max() > _FARTHEST_M:
        raise PoseError(
            f'the position of {name} must be within {_FARTHEST_M:g} m of the origin, got '
            f'{position.tolist()}: check its publisher, which may have diverged'
        )
    norm = float(np.linalg.norm(q))
    if abs(norm - 1.0) > _NORM_TOLERANCE:
        raise PoseError(
            f'the orientation of {name} must be a quaternion of norm 1, got {q.tolist()} of norm '
            f'{norm:.4g}: its publisher must normalise it'
        )
    x, y, z, w = q / norm
    transform = np.eye(4)
    transform[:3, :3] = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    transform[:3, 3] = position
    return transform


def rigid_inverse(transform: Floats) -> Floats:
    """Return the inverse of a transform, float64 (4, 4).

    :param transform: (4, 4), rigid, see `rigid`.
    """
    inverse = np.eye(4)
    inverse[:3, :3] = transform[:3, :3].T
    inverse[:3, 3] = -transform[:3, :3].T @ transform[:3, 3]
    return inverse


def interpolate(start: Floats, end: Floats, share: float) -> Floats:
    """Interpolate between two transforms: linear translation, rotation about one fixed axis.

    :param start: (4, 4), rigid. :param end: (4, 4), rigid.
    :param share: 0 gives the start, 1 the end.
    """
    turn, _ = cv2.Rodrigues(start[:3, :3].T @ end[:3, :3])
    part, _ = cv2.Rodrigues(share * turn)
    transform = np.eye(4)
    transform[:3, :3] = start[:3, :3] @ part
    transform[:3, 3] = (1.0 - share) * start[:3, 3] + share * end[:3, 3]
    return transform


def camera_mount(xyz: npt.ArrayLike, rpy: npt.ArrayLike) -> Floats:
    """Return T_base_camera, (4, 4), of the optical frame of a camera mounted on the robot.

    A mount is given as in URDF: for the body frame of the camera, which looks along its x with z
    up. In the optical frame of images, x is right, y down and z forward.

    :param xyz: (3,) of the camera in the base frame, metres.
    :param rpy: (3,) roll, pitch, yaw about the fixed axes x, y, z of the base frame, in that
        order, rad; a positive pitch looks down, a positive yaw to the left.
    :raises ParameterError: if either is not three finite numbers; both offenders are listed.
    """
    position, angles = np.asarray(xyz, np.float64), np.asarray(rpy, np.float64)
    problems = [
        f'{name} must be three finite numbers ({meaning}), got {values.tolist()}'
        for name, meaning, values in (
            ('xyz', 'metres in the base frame', position),
            ('rpy', 'roll, pitch, yaw in rad', angles),
        )
        if values.shape != (3,) or not np.isfinite(values).all()
    ]
    if problems:
        raise ParameterError('camera mount refused: ' + '; '.join(problems))
    (sr, sp, sy), (cr, cp, cy) = np.sin(angles), np.cos(angles)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    about_y = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    about_z = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    transform = np.eye(4)
    transform[:3, :3] = about_z @ about_y @ about_x @ _R_BODY_OPTICAL
    transform[:3, 3] = position
    return transform
