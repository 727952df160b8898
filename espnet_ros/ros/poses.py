"""Where the camera and the robot were when an image was taken: from tf2, odometry or fixed."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Header

from espnet_ros.core.arrays import Floats
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.names import mount_parameter
from espnet_ros.core.transforms import camera_mount
from espnet_ros.ros.odometry_poses import TOPIC, OdometryPoses
from espnet_ros.ros.pose_inputs import mount_of
from espnet_ros.ros.tf_poses import TfPoses


class Poses(Protocol):
    """A source of poses; its methods may be called in any thread."""

    @property
    def name(self) -> str:
        """Return ``tf``, ``odometry`` or ``fixed``."""

    def at(self, header: Header, camera: str) -> tuple[Floats, Floats]:
        """Return T_base_camera (optical) and T_grid_base of an image, (4, 4) each, metres.

        It may wait; another thread must spin the node.

        :param header: of the image.
        :param camera: name of the camera, '' for the one without.
        :raises PoseError: if they can't be known, with the reason.
        :raises AbandonedError: if it would have to wait, and that is not allowed.
        """

    def latest(self) -> Floats | None:
        """Return the newest T_grid_base known, without waiting.

        None while there is no camera to make a costmap from.
        """

    def problem(self) -> str:
        """Return what diagnostics should warn of, '' for nothing."""

    def allow_waiting(self, allowed: bool) -> None:
        """Let `at` wait, which is the default, or end its waiting until it is allowed again."""

    def destroy(self) -> None:
        """End all waiting and unsubscribe."""


def create_poses(node: Node, config: NodeConfig) -> Poses:
    """Return the source of poses that the parameters ask for.

    :param config: its groups pose and grid, and its mounts are used. If tf makes mounts useless, a
        warning says so.
    :raises ParameterError: if tf is requested, but not installed.
    """
    source, timeout_s = config.pose.source, config.pose.timeout
    frames = config.grid.frame, config.pose.base_frame
    mounts = {name: camera_mount(m.xyz, m.rpy) for name, m in config.mounts.items()}
    if source == 'fixed':
        return FixedPoses(mounts)
    if source in ('auto', 'tf'):
        try:
            tf2_ros = importlib.import_module('tf2_ros')
        except ImportError as error:
            if source == 'tf':
                raise ParameterError(
                    f'pose.source tf needs tf2_ros, which cannot be imported ({error}): install '
                    'ros-<distro>-tf2-ros-py, or set camera_mount, and pose.source to odometry'
                ) from error
            node.get_logger().info(
                f'tf2_ros is missing ({error}): poses come from odometry and camera_mount'
            )
        else:
            _warn_of_unused(node, source, mounts)
            return TfPoses(node, tf2_ros, *frames, timeout_s)
    return OdometryPoses(node, *frames, timeout_s, mounts, fixed_until_seen=source == 'auto')


def _warn_of_unused(node: Node, source: str, mounts: Iterable[str]) -> None:
    if not mounts:
        return
    names = ', '.join(map(mount_parameter, sorted(mounts)))
    node.get_logger().warning(
        f'{names} and the topic {TOPIC} are not used: with pose.source {source} and tf2_ros '
        'installed, all poses come from tf; to use them, set pose.source to odometry (or to '
        'fixed, for a robot that stands still)'
    )


class FixedPoses:
    """The robot is assumed to stand still at the origin of the grid's frame.

    :param mounts: T_base_camera (optical) by camera.
    """

    name = 'fixed'

    def __init__(self, mounts: Mapping[str, Floats]) -> None:
        self._mounts = mounts

    def at(self, header: Header, camera: str) -> tuple[Floats, Floats]:
        """Return the mount and the origin; the stamp does not matter."""
        return mount_of(self._mounts, camera), np.eye(4)

    def latest(self) -> Floats | None:
        """Return the origin, or None if no camera has a mount."""
        return np.eye(4) if self._mounts else None

    def problem(self) -> str:
        """Return that nothing is wrong."""
        return ''

    def allow_waiting(self, allowed: bool) -> None:
        """Do nothing: `at` never waits."""

    def destroy(self) -> None:
        """Do nothing: there is nothing to free."""
