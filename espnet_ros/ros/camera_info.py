"""From camera_info to the calibration of the mask."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from espnet_ros.core.camera import CameraModel, resize_map
from espnet_ros.core.errors import CameraInfoError

Size = tuple[int, int]

# Smaller than what the calibration of a mount can resolve.
_LEAST_TURN_DEG, _LEAST_SHIFT_M = 0.1, 1e-3


def camera_model(
    camera_info: CameraInfo, image_wh: Size, mask_wh: Size, rectified: bool
) -> CameraModel:
    """Return the camera model of the mask.

    :param camera_info: the calibration that came with the image.
    :param image_wh: size of the image in pixels.
    :param mask_wh: size of the mask in pixels; it shows the same view.
    :param rectified: whether the image is rectified, so that P describes it.
    :raises CameraInfoError: if it is no calibration or does not belong to this image.
    """
    if not rectified:
        model = _model(camera_info, camera_info.k, camera_info.d, camera_info.distortion_model)
    else:
        P = np.array(camera_info.p, np.float64).reshape(3, 4)
        if not (np.isfinite(P).all() and P[0, 0]):
            what = 'all zero' if np.isfinite(P).all() else 'not finite'
            raise CameraInfoError(
                f'P of camera_info is {what}, but input.rectified says that it describes the '
                'image: take camera_info from the node that rectifies'
            )
        model = _model(camera_info, P[:, :3].ravel(), (), '')
    return model.fitted(image_wh).resized(mask_wh)


def stereo_problem(camera_info: CameraInfo) -> str:
    """Return a warning about the frame of a rectified image of a stereo pair, '' for nothing.

    Rectifying a stereo pair turns the image (R), and P takes points in the frame of the first
    camera (Tx). Nothing says whether TF includes that turn, or which of the two frames the right
    image names, and drivers differ. So `frame_id` is taken as the frame of the rectified image,
    at the camera's own centre.
    """
    R, P = np.array(camera_info.r).reshape(3, 3), np.array(camera_info.p).reshape(3, 4)
    if not (np.isfinite(R).all() and np.isfinite(P).all()):
        return ''
    says = []
    # All zero is "not set".
    turn_deg = math.degrees(float(np.linalg.norm(R - np.eye(3)))) / math.sqrt(2.0)
    if R.any() and turn_deg > _LEAST_TURN_DEG:
        says.append(f'R turns the image by {turn_deg:.1f} degrees')
    shifts_m = [-P[row, 3] / P[row, row] for row in (0, 1) if P[row, row] > 0]
    shift_m = max(shifts_m, key=abs, default=0.0)
    if abs(shift_m) > _LEAST_SHIFT_M:
        says.append(f'P puts the camera {shift_m:.3f} m from the first one of its pair')
    if not says:
        return ''
    return (
        f'camera_info is of a stereo pair: {" and ".join(says)}; the node does not use that, so '
        "header.frame_id (or camera_mount) must give the pose of this camera's own rectified "
        'image'
    )


def scale_camera_info(
    camera_info: CameraInfo, header: Header, image_wh: Size, mask_wh: Size
) -> CameraInfo:
    """Return the calibration of the mask as a message.

    The parameters are those of `camera_model`.

    :raises CameraInfoError: if K is no camera matrix, or the calibration does not fit this image.
    """
    # Whatever the lens, its distortion coefficients do not depend on the size.
    model = _model(camera_info, camera_info.k, (), '')
    model.fitted(image_wh)
    result = copy.copy(camera_info)
    result.header = header
    if model.image_wh == mask_wh:
        return result
    scale = resize_map(model.image_wh, mask_wh) @ model.from_full

    def scaled(matrix: Sequence[float]) -> list[float]:
        values = scale @ np.array(matrix, np.float64).reshape(3, -1)
        return [float(v) for v in values.ravel()]

    result.k, result.p = scaled(camera_info.k), scaled(camera_info.p)
    result.width, result.height = mask_wh
    result.binning_x = result.binning_y = 0
    result.roi = RegionOfInterest(do_rectify=camera_info.roi.do_rectify)
    return result


def _model(camera_info: CameraInfo, K: Any, D: Any, name: str) -> CameraModel:
    roi = camera_info.roi
    return CameraModel(
        (camera_info.width, camera_info.height), np.array(K), np.array(D), name,
        (roi.x_offset, roi.y_offset, roi.width, roi.height),
        (camera_info.binning_x, camera_info.binning_y),
    )  # fmt: skip
