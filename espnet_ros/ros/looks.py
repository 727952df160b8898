"""Turn a segmented image into a look at the ground by adding calibration, poses and depth."""

from __future__ import annotations

from collections.abc import Mapping

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import CameraInfoError
from espnet_ros.core.mapper import Look
from espnet_ros.ros.camera import Segmented
from espnet_ros.ros.camera_info import camera_model
from espnet_ros.ros.depth import DepthQueue, depth_to_meters
from espnet_ros.ros.poses import Poses
from espnet_ros.ros.stamps import seconds


def make_look(
    camera: str,
    segmented: Segmented,
    poses: Poses,
    depths: Mapping[str, DepthQueue],
    config: NodeConfig,
    now_s: float,
) -> Look:
    """Return the look; waits at most ``pose.timeout`` for its pose and again for its depth.

    :param depths: depth images by camera; a camera without an entry has no depth.
    :param config: of the last configure transition, because nothing that is read here is live.
    :param now_s: time used for an image without a stamp, seconds, so that time passes in the grid
        and its mask counts beside those of other cameras.
    :raises CameraInfoError: if there is no calibration, or it does not fit this image.
    :raises ImageError: if its depth does not come or fit.
    :raises PoseError: if its pose is not known.
    :raises AbandonedError: if depth or pose is missing and waiting is no longer allowed.
    """
    info, header = segmented.camera_info, segmented.header
    if info is None:
        raise CameraInfoError(
            f'no camera_info on {segmented.camera_info_topic}: publish the calibration'
        )
    mask = segmented.segmentation.mask
    mask_wh = (mask.shape[1], mask.shape[0])
    model = camera_model(info, segmented.image_wh, mask_wh, config.input.rectified)
    T_base_camera, T_grid_base = poses.at(header, camera)
    depth_m = None
    if camera in depths:
        message = depths[camera].at(header.stamp, config.pose.timeout)
        depth_m = depth_to_meters(message, segmented.image_wh, mask_wh)
    return Look(
        camera, mask, segmented.segmentation.confidence, model, T_base_camera, T_grid_base,
        seconds(header.stamp) or now_s, depth_m,
    )  # fmt: skip
