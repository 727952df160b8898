"""From camera_info to the calibration of the mask."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from espnet_ros.core.camera import CameraModel, resize_map
from espnet_ros.core.errors import CameraInfoError

Size = tuple[int, int]


def camera_model(
    camera_info: CameraInfo, image_wh: Size, mask_wh: Size, rectified: bool
) -> CameraModel:
    """Return the camera model of the mask.

    :param camera_info: the calibration that came with the image.
    :param image_wh: size of the image in pixels.
    :param mask_wh: size of the mask in pixels, which shows the same view.
    :param rectified: the image is, so that P describes it.
    :raises CameraInfoError: if it is no calibration or not one of this image.
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


def scale_camera_info(
    camera_info: CameraInfo, header: Header, image_wh: Size, mask_wh: Size
) -> CameraInfo:
    """Return the calibration of the mask as a message.

    The parameters are those of `camera_model`.

    :raises CameraInfoError: if K is no camera matrix or the calibration is not one of this image.
    """
    # Whatever the lens is like, its coefficients do not depend on the size.
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
