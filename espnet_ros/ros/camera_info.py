"""Fit a camera calibration to the size of the mask."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from espnet_ros.core.errors import CameraInfoError

Size = tuple[int, int]


def scale_camera_info(
    camera_info: CameraInfo, header: Header, image_wh: Size, mask_wh: Size
) -> CameraInfo:
    """Return the calibration of the mask.

    :param camera_info: the calibration that came with the image.
    :param header: of the image.
    :param image_wh: size of the image in pixels: that of the calibration's region of interest
        after binning.
    :param mask_wh: size of the mask in pixels, which shows the same view.
    :raises CameraInfoError: if K is not a camera matrix or the sizes don't fit.
    """
    _check(camera_info, image_wh)
    result = copy.copy(camera_info)
    result.header = header
    if image_wh == mask_wh:
        return result
    left, top = camera_info.roi.x_offset, camera_info.roi.y_offset
    bin_x, bin_y = _binning(camera_info)
    scale_x, scale_y = mask_wh[0] / image_wh[0], mask_wh[1] / image_wh[1]

    def scaled(matrix: Sequence[float], columns: int) -> list[float]:
        m = [float(v) for v in matrix]
        if not any(m):
            return m  # all zeros says "not calibrated", which must stay so
        u, v = 2, columns + 2
        # Region and binning as image_geometry has them, then cv2.resize's pixel centres.
        m[u] = ((m[u] - left) / bin_x + 0.5) * scale_x - 0.5
        m[v] = ((m[v] - top) / bin_y + 0.5) * scale_y - 0.5
        for column in {0, 1, columns - 1} - {2}:
            m[column] *= scale_x / bin_x
            m[columns + column] *= scale_y / bin_y
        return m

    result.k, result.p = scaled(camera_info.k, 3), scaled(camera_info.p, 4)
    result.width, result.height = mask_wh
    result.binning_x = result.binning_y = 0
    result.roi = RegionOfInterest(do_rectify=camera_info.roi.do_rectify)
    return result


def _binning(camera_info: CameraInfo) -> Size:
    # 0 means the same as 1.
    return max(1, camera_info.binning_x), max(1, camera_info.binning_y)


def _check(camera_info: CameraInfo, image_wh: Size) -> None:
    k = [float(v) for v in camera_info.k]
    if not all(math.isfinite(v) for v in k) or k[0] <= 0 or k[4] <= 0:
        raise CameraInfoError(
            f'K of camera_info is not a camera matrix (fx {k[0]:g}, fy {k[4]:g}): '
            'calibrate the camera'
        )
    roi = camera_info.roi
    full_wh = (roi.width or camera_info.width, roi.height or camera_info.height)
    bin_x, bin_y = _binning(camera_info)
    expected_wh = (full_wh[0] // bin_x, full_wh[1] // bin_y)
    if expected_wh != image_wh:
        raise CameraInfoError(
            f'camera_info is for images of {expected_wh[0]}x{expected_wh[1]} pixels, '
            f'the image has {image_wh[0]}x{image_wh[1]}'
        )
