"""From a segmented image to a look at the ground: calibration, poses and depth joined to it."""

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

    :param depths: depth images by camera; a camera that is not there has none.
    :param config: of the last configure transition, for nothing of what is read here is live.
    :param now_s: what an image without a stamp is taken for, seconds, so that time passes in the
        grid and other cameras' images count beside it.
    :raises CameraInfoError: if there is no calibration or none of this image.
    :raises ImageError: if its depth does not come or fit.
    :raises PoseError: if its pose is not known.
    :raises AbandonedError: if one of the two is missing and nobody is to wait any more.
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
