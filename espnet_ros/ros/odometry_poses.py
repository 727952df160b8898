"""Poses from odometry and the places where the cameras are mounted."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from espnet_ros.core.arrays import Floats
from espnet_ros.core.errors import PoseError
from espnet_ros.core.pose_history import PoseHistory
from espnet_ros.ros.pose_inputs import mount_of, read_odometry, stamp_seconds
from espnet_ros.ros.silence import type_mismatch

TOPIC = 'odometry'
_TYPE = 'nav_msgs/msg/Odometry'
_CURE = 'remap odometry, or set pose.source'
# Messages that may wait to be read, and that `problem` judges: about a second's.
_DEPTH = 50


class OdometryPoses:
    """The robot is where odometry says, the cameras where they are mounted.

    :param mounts: T_base_camera (optical) by camera.
    :param fixed_until_seen: until somebody publishes odometry, the robot is assumed to stand still
        at the origin of the grid's frame. There is no way back: a robot whose odometry has died
        is not parked.
    """

    def __init__(
        self,
        node: Node,
        grid_frame: str,
        base_frame: str,
        timeout_s: float,
        mounts: Mapping[str, Floats],
        fixed_until_seen: bool = False,
    ) -> None:
        self._node = node
        self._frames = grid_frame, base_frame
        self._timeout_s = timeout_s
        self._mounts = mounts
        self._history = PoseHistory()
        self._may_be_fixed = fixed_until_seen
        self._refusals: deque[str] = deque(maxlen=_DEPTH)
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=_DEPTH,
            # Best effort matches every publisher.
            reliability=ReliabilityPolicy.BEST_EFFORT,
        )
        self._subscription = node.create_subscription(Odometry, TOPIC, self._on_message, profile)
        self._topic = self._subscription.topic_name

    @property
    def name(self) -> str:
        """Return ``odometry``, or ``fixed`` while the robot is assumed to stand still."""
        return 'fixed' if self._is_fixed() else 'odometry'

    def at(self, header: Header, camera: str) -> tuple[Floats, Floats]:
        """Return the mount and the interpolated odometry."""
        T_base_camera = mount_of(self._mounts, camera)
        if self._is_fixed():
            return T_base_camera, np.eye(4)
        stamp_s = stamp_seconds(header, 'image')
        try:
            return T_base_camera, self._history.at(stamp_s, self._timeout_s)
        except PoseError as error:
            # Copied at once, because the executor keeps appending to it.
            refused = [*self._refusals][-1:]
            if any(refused):
                raise PoseError(
                    f'the last message of {self._topic} was refused: {refused[0]}'
                ) from error
            raise

    def latest(self) -> Floats | None:
        """Return the newest pose, or None if no odometry has come or no camera has a mount."""
        if not self._mounts:
            return None
        if self._is_fixed():
            return np.eye(4)
        newest = self._history.newest()
        return None if newest is None else newest[1]

    def problem(self) -> str:
        """Return what is wrong with the odometry, or that there is none."""
        if self._is_fixed():
            return (
                f'nobody publishes {self._topic}, so the robot is assumed to stand still; '
                'if it really does, set pose.source to fixed'
            )
        refusals = [reason for reason in list(self._refusals) if reason]
        if refusals:
            return (
                f'messages of {self._topic} refused: {len(refusals)} of the last '
                f'{len(self._refusals)} ({refusals[-1]})'
            )
        types = {p.topic_type for p in self._node.get_publishers_info_by_topic(self._topic)}
        mismatch = type_mismatch(self._topic, _TYPE, types, _CURE, _CURE)
        if mismatch or self._refusals:
            return mismatch
        return f'{self._topic} has a publisher, but no message has come'

    def allow_waiting(self, allowed: bool) -> None:
        """Let `at` wait, or end its waiting."""
        self._history.allow_waiting(allowed)

    def destroy(self) -> None:
        """End all waiting and unsubscribe."""
        self._history.allow_waiting(False)
        self._node.destroy_subscription(self._subscription)

    def _is_fixed(self) -> bool:
        if self._may_be_fixed and self._node.count_publishers(self._topic):
            self._may_be_fixed = False
        return self._may_be_fixed

    def _on_message(self, message: Odometry) -> None:
        self._may_be_fixed = False
        try:
            stamp_s, T_grid_base = read_odometry(message, *self._frames)
        except PoseError as error:
            self._refusals.append(str(error))
            return
        self._refusals.append('')
        self._history.add(stamp_s, T_grid_base)
