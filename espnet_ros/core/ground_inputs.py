"""Checks of the inputs of a projection."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import Floats, UInt8Array
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.errors import CameraInfoError, ImageError, ParameterError, PoseError
from espnet_ros.core.labels import Labels
from espnet_ros.core.transforms import rigid

# A base tilted further than this against the grid's frame means a wrong frame.
_MIN_COS_TILT = 0.5
_MIN_HEIGHT_M = 0.01
# How many class names an error about a blind camera lists.
_MOST_NAMES = 3


def check_mask(mask: UInt8Array, confidence: UInt8Array | None, camera: CameraModel) -> None:
    """Refuse arrays that are not a mask and a confidence of the camera.

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
            f'{mask.shape[1]}x{mask.shape[0]}: image and camera_info must come from one camera'
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


def check_view(class_ids: UInt8Array, labels: Labels, where: str) -> None:
    """Refuse a look that shows nothing: such a camera sees no more than a silent one.

    A camera right before a wall passes: it shows the wall, although the wall's place is unknown.

    :param class_ids: of the pixels that count, uint8 (N,).
    :param where: where these pixels are, for the message.
    :raises ImageError: if none of them is of a ground or an upright class.
    """
    counts = np.bincount(class_ids, minlength=256)
    if counts[labels.of_kind('ground') | labels.of_kind('upright')].any():
        return
    shown = [int(i) for i in np.argsort(-counts, kind='stable')[:_MOST_NAMES] if counts[i]]
    names = [labels.names[i] if i < len(labels) else 'unlabeled' for i in shown]
    raise ImageError(
        'view',
        f'expected ground or upright classes {where}, got {", ".join(names) or "no pixel"}: is '
        'the lens covered, dirty or dazzled, or mask.min_confidence too high?',
    )


def check_height(T_base_camera: Floats) -> None:
    """Refuse a camera that is not above the ground.

    :param T_base_camera: (4, 4), rigid, base <- optical frame; the ground is z = 0 of base.
    :raises PoseError: if it is not above the ground.
    """
    height = float(T_base_camera[2, 3])
    if not height > _MIN_HEIGHT_M:
        raise PoseError(
            'the camera must be above the ground, z = 0 of pose.base_frame, got '
            f'{height:.3f} m: check camera_mount or the TF of the camera, and pose.base_frame'
        )


def ground_pose(T_grid_base: npt.ArrayLike) -> Floats:
    """Return the map from ground points of the base to the grid's frame, float64 (2, 3).

    :raises PoseError: if the transform is not rigid or the base is tipped over.
    """
    T = rigid(T_grid_base, 'T_grid_base')
    if T[2, 2] < _MIN_COS_TILT:
        raise PoseError(
            'pose.base_frame is tilted by more than 60 degrees against grid.frame: check these '
            'two, and the odometry or TF between them'
        )
    return T[:2][:, [0, 1, 3]]


def check_rules(
    labels: Labels, ground_cover: Sequence[str], overhang_m: Mapping[str, float]
) -> None:
    """Refuse rules about classes that `GroundProjector` can't apply.

    This is for callers without a config. A config that `espnet_ros.core.config_rules` has checked
    always passes.

    :raises ParameterError: all offenders are listed.
    """
    uprights = [c.name for c in labels if c.kind == 'upright']
    problems = [
        f'{rule} names {name!r}, which is not an upright class of the model'
        for rule, names in (('ground_cover', ground_cover), ('overhang', overhang_m))
        for name in names
        if name not in uprights
    ]
    problems += [
        f'overhang of {name} must be 0 m or more and finite, got {reach}'
        for name, reach in overhang_m.items()
        if not 0.0 <= reach < math.inf
    ]
    if problems:
        upright = f' (upright classes: {", ".join(uprights)})'
        raise ParameterError('projection refused: ' + '; '.join(problems) + upright)
