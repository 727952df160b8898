"""The name of the node, valid names of cameras and layers, and how messages name them."""

from __future__ import annotations

# The name that the node of this package is started with.
NODE = 'segmentation'
# As patterns of `re`. The names become parts of topics, and ROS allows no part of a topic to begin
# with a digit or to be empty.
CAMERA = r'[A-Za-z][A-Za-z0-9_]*(?:/[A-Za-z][A-Za-z0-9_]*)*'
LAYER = r'[a-z][a-z0-9_]*'
# The name of the costmaps on /diagnostics, beside the cameras.
COSTMAP_STATUS = 'costmap'


def about(camera: str, text: str) -> str:
    """Return a text with the name of its camera before it.

    :param camera: '' for the one without a name.
    :param text: '' stays as it is.
    """
    return f'{camera}: {text}' if camera and text else text


def mount_parameter(camera: str) -> str:
    """Return the prefix of the parameters that say where a camera is on the robot.

    :param camera: '' for the one without a name.
    """
    return f'camera_mount.{camera}' if camera else 'camera_mount'


def upside_down_parameter(camera: str) -> str:
    """Return the parameter that says whether the images of a camera are turned.

    :param camera: '' for the one without a name.
    """
    return f'input.{camera}.upside_down' if camera else 'input.upside_down'
