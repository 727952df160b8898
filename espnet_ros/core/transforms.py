"""Rigid transforms as 4x4 matrices, checked where they enter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import PoseError

Array = npt.NDArray[np.float64]

_TOLERANCE = 1e-4


def rigid(transform: npt.ArrayLike, name: str) -> Array:
    """Return a transform as float64 (4, 4).

    :param transform: (4, 4), metres.
    :param name: for the message, e.g. ``T_odom_base``.
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
