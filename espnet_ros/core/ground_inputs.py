"""What a projection is given, checked where it enters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.errors import CameraInfoError, ImageError, PoseError
from espnet_ros.core.transforms import rigid

UInt8Array = npt.NDArray[np.uint8]

# A base tilted further than this from the grid's frame is no ground robot but a wrong frame.
_MIN_COS_TILT = 0.5


def check_mask(mask: UInt8Array, confidence: UInt8Array | None, camera: CameraModel) -> None:
    """Refuse arrays that are no mask and confidence of the camera.

    :raises ImageError: if they are not uint8 (H, W) of one shape.
    :raises CameraInfoError: if the camera's images have another size.
    """
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ImageError('mask', f'expected a mask uint8 (H, W), got {mask.dtype} {mask.shape}')
    if confidence is not None and (
        confidence.shape != mask.shape or confidence.dtype != np.uint8
    ):
        raise ImageError(
            'confidence',
            f"expected a confidence of the mask's shape, uint8 {mask.shape}, "
            f'got {confidence.dtype} {confidence.shape}',
        )
    if mask.shape[::-1] != camera.image_wh:
        width, height = camera.image_wh
        raise CameraInfoError(
            f'the camera model is for masks of {width}x{height} pixels, the mask has '
            f'{mask.shape[1]}x{mask.shape[0]}: use CameraModel.fitted'
        )


def check_depth(depth_m: npt.NDArray[np.float32], mask: UInt8Array) -> None:
    """Refuse a depth image that is not registered to a mask.

    :raises ImageError: if it is not float32 of the mask's shape.
    """
    if depth_m.shape != mask.shape or depth_m.dtype != np.float32:
        raise ImageError(
            'depth',
            f"expected depth of the mask's shape, float32 {mask.shape}, got "
            f'{depth_m.dtype} {depth_m.shape}: register depth to the colour camera',
        )


def ground_pose(T_grid_base: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return how points of the base's ground move into the grid, float64 (2, 3).

    :raises PoseError: if the transform is not rigid or the base is tipped over.
    """
    T = rigid(T_grid_base, 'T_grid_base')
    if T[2, 2] < _MIN_COS_TILT:
        raise PoseError(
            'the base frame is tilted by more than 60 degrees against the frame of the grid: '
            'check T_grid_base'
        )
    return T[:2][:, [0, 1, 3]]
