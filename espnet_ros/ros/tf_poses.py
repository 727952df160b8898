"""Poses from tf2, at the stamp of the image or not at all."""

from __future__ import annotations

import threading
import time
from types import ModuleType
from typing import Any

from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from espnet_ros.core.arrays import Floats
from espnet_ros.core.errors import AbandonedError, PoseError
from espnet_ros.core.time_rules import RESTART_S
from espnet_ros.core.transforms import from_quaternion
from espnet_ros.ros.ground_check import GroundCheck
from espnet_ros.ros.pose_inputs import stamp_seconds
from espnet_ros.ros.stamps import seconds

# What tf2_ros listens to, unless it is remapped.
_TOPIC = '/tf'


class TfPoses:
    """Looks both poses up in tf2 at the image's stamp, and waits for what is late.

    :param node: whose executor, in another thread, receives the transforms.
    :param tf2_ros: the module, which is not installed everywhere.
    :param timeout_s: the longest wait for both poses together, seconds.
    """

    name = 'tf'

    def __init__(
        self, node: Node, tf2_ros: ModuleType, grid_frame: str, base_frame: str, timeout_s: float
    ) -> None:
        self._tf2 = tf2_ros
        self._grid_frame = grid_frame
        self._base_frame = base_frame
        self._timeout_s = timeout_s
        self._changed = threading.Condition()
        self._may_wait = True
        self._problem = ''
        self._stamps_s: dict[str, float] = {}
        self._buffer = _announcing_buffer(tf2_ros, self._changed)
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        self._topic = node.resolve_topic_name(_TOPIC)
        self._ground = GroundCheck(node, base_frame, self._newest)
        threshold = JumpThreshold(
            min_forward=None, min_backward=Duration(seconds=-RESTART_S), on_clock_change=True
        )
        self._jumps = node.get_clock().create_jump_callback(
            threshold, post_callback=lambda _: self._buffer.clear()
        )

    def at(self, header: Header, camera: str) -> tuple[Floats, Floats]:
        """Return both poses at the stamp."""
        try:
            poses = self._wait_for_both(header, camera)
        except PoseError as error:
            self._problem = str(error)
            raise
        self._problem = ''
        return poses

    def latest(self) -> Floats | None:
        """Return the newest T_grid_base."""
        return self._newest(self._grid_frame, self._base_frame)

    def problem(self) -> str:
        """Return why the last image had no poses, or why they can't be right."""
        return self._problem or self._ground.problem()

    def allow_waiting(self, allowed: bool) -> None:
        """Let `at` wait, or end its waiting."""
        with self._changed:
            self._may_wait = allowed
            self._changed.notify_all()

    def destroy(self) -> None:
        """End all waiting and unsubscribe."""
        self.allow_waiting(False)
        self._jumps.unregister()
        self._listener.unregister()

    def _wait_for_both(self, header: Header, camera: str) -> tuple[Floats, Floats]:
        stamp_s = stamp_seconds(header, 'image')
        # tf2 keeps frames without the leading slash of ROS 1.
        frame = header.frame_id.lstrip('/')
        if not frame:
            raise PoseError('the image has no frame: its driver must fill in header.frame_id')
        self._forget_if_restarted(camera, stamp_s)
        stamp = Time.from_msg(header.stamp)
        deadline_s = time.monotonic() + self._timeout_s
        with self._changed:
            while True:
                try:
                    return (
                        self._look_up(self._base_frame, frame, stamp),
                        self._look_up(self._grid_frame, self._base_frame, stamp),
                    )
                except _Missing as missing:
                    if not self._may_wait:
                        raise AbandonedError('nobody waits for tf any more') from missing
                    left_s = deadline_s - time.monotonic()
                    if left_s <= 0:
                        raise PoseError(self._why(missing, stamp_s)) from missing
                self._changed.wait(left_s)

    def _forget_if_restarted(self, camera: str, stamp_s: float) -> None:
        # A bag played again without /clock: tf2 would refuse its transforms as too old.
        if stamp_s < self._stamps_s.get(camera, stamp_s) - RESTART_S:
            self._buffer.clear()
        self._stamps_s[camera] = stamp_s

    def _newest(self, target: str, source: str) -> Floats | None:
        try:
            return self._look_up(target, source, Time())
        except (_Missing, PoseError):
            return None

    def _look_up(self, target: str, source: str, stamp: Time) -> Floats:
        try:
            found = self._buffer.lookup_transform(target, source, stamp)
        except self._tf2.TransformException as error:
            raise _Missing(target, source, error) from error
        t, q = found.transform.translation, found.transform.rotation
        return from_quaternion((t.x, t.y, t.z), (q.x, q.y, q.z, q.w), f'{target} <- {source}')

    def _why(self, missing: _Missing, stamp_s: float) -> str:
        name = f'{missing.target} <- {missing.source}'
        text = ' '.join(str(missing.error).split())
        if not isinstance(missing.error, self._tf2.ExtrapolationException):
            return (
                f'no transform {name} within {self._timeout_s:g} s: {text} (check grid.frame, '
                "pose.base_frame and the image's header.frame_id, and who publishes them on "
                f'{self._topic}; '
                'if tf has none, set camera_mount, and pose.source to odometry or fixed)'
            )
        try:
            newest = self._buffer.lookup_transform(missing.target, missing.source, Time())
        except self._tf2.TransformException:
            return f'no transform {name} at any time, as after a restart of time: {text}'
        newest_s = seconds(newest.header.stamp)
        if newest_s < stamp_s:
            return (
                f'the newest transform {name} is {stamp_s - newest_s:.3f} s older than the image '
                f'after waiting {self._timeout_s:g} s: it is late, has stopped or is stamped by '
                'another clock'
            )
        return (
            f'the image is {newest_s - stamp_s:.3f} s older than the newest transform {name}, '
            'and tf has none that old'
        )


class _Missing(Exception):
    """A transform that tf2 does not have."""

    def __init__(self, target: str, source: str, error: Exception) -> None:
        super().__init__(str(error))
        self.target = target
        self.source = source
        self.error = error


def _announcing_buffer(tf2_ros: ModuleType, changed: threading.Condition) -> Any:
    """Return a tf2 buffer that announces each transform it gets.

    tf2's own wait sleeps 20 ms at a time, for each of the two transforms, and can't be ended.
    The buffer gets no node: until the autumn of 2024, Jazzy's own reaction to a jump of the
    node's clock raised, and Humble has no such reaction.
    """

    class AnnouncingBuffer(tf2_ros.Buffer):  # type: ignore[misc, name-defined]
        def set_transform(self, transform: Any, authority: str) -> None:
            super().set_transform(transform, authority)
            with changed:
                changed.notify_all()

        def set_transform_static(self, transform: Any, authority: str) -> None:
            super().set_transform_static(transform, authority)
            with changed:
                changed.notify_all()

    return AnnouncingBuffer()
