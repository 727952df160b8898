"""The topics of the node `segmentation`: names, types, and which of them each camera has."""

from __future__ import annotations

from collections.abc import Iterable

from espnet_ros.core.layers import CLEAR

GRID = 'nav_msgs/OccupancyGrid'
CLOUD = 'sensor_msgs/PointCloud2'
IMAGE = 'sensor_msgs/Image'
LABELS = 'vision_msgs/LabelInfo'
JPEG = 'sensor_msgs/CompressedImage'

# A placeholder for the name of a layer.
ANY_LAYER = '<layer>'
LAYER_GRID, LAYER_CLOUD = f'layers/{ANY_LAYER}', f'points/{ANY_LAYER}'
# The cloud of free ground, beside those of the layers.
CLEAR_CLOUD = f'points/{CLEAR}'

# Private name -> message type, for the outputs of the whole node, which are latched ...
SHARED = {'costmap': GRID, LAYER_GRID: GRID, 'label_info': LABELS}
# ... and for those of each camera, whose name is the prefix if cameras are named.
PER_CAMERA = {
    'mask': IMAGE,
    'confidence': IMAGE,
    'camera_info': 'sensor_msgs/CameraInfo',
    'color_mask': IMAGE,
    'overlay': IMAGE,
    'color_mask/compressed': JPEG,
    'overlay/compressed': JPEG,
    'nav/mask': IMAGE,
    'nav/confidence': IMAGE,
    'nav/points': CLOUD,
    CLEAR_CLOUD: CLOUD,
    LAYER_CLOUD: CLOUD,
}
# Relative names of the inputs from each camera.
INPUTS = ('image', 'camera_info', 'depth/image')


def of_camera(camera: str, name: str) -> str:
    """Return the name of a topic of a camera.

    :param camera: its name, empty for one without a name.
    """
    return f'{camera}/{name}' if camera else name


def taken_names(cameras: Iterable[str]) -> set[str]:
    """Return the names that no camera may have: its topics would collide with others.

    These are the groups of topics of the whole node (layers) and of other cameras (left/nav).
    """
    per_camera = _groups((*PER_CAMERA, *INPUTS))
    return _groups(SHARED) | {of_camera(c, group) for c in cameras for group in per_camera}


def _groups(names: Iterable[str]) -> set[str]:
    """Return the prefixes before a slash that, as names of cameras, would give the same topic."""
    own = {*PER_CAMERA, *INPUTS, ANY_LAYER}
    parts = (name.partition('/') for name in names)
    return {group for group, _, rest in parts if rest in own}
