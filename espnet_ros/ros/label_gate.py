"""When the points of ``~/nav`` may be sent: not before their subscribers know the classes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from rclpy.node import Node
from rclpy.publisher import Publisher

from espnet_ros.ros.label_info import TOPIC

HOLD_S = 1.0


class LabelGate:
    """Keeps kiwicampus' SemanticSegmentationLayer from crashing.

    Until it has a LabelInfo, that layer crashes the Nav2 server (a null pointer) at the first mask
    and points of one stamp. LabelInfo is latched, so a new subscriber must ask for it. With Fast
    DDS, that takes 70 ms, while images arrive at once: in 29 of 40 starts they were first.

    :param node: the node that publishes.
    :param mask: the publisher of masks.
    :param confidence: the publisher of confidences.
    :param points: the publisher of points. Use it after the other two: then every subscriber that
        got a mask has been seen.
    :param now_s: a clock that never goes back, seconds.
    """

    def __init__(
        self,
        node: Node,
        mask: Publisher,
        confidence: Publisher,
        points: Publisher,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node, self._now_s = node, now_s
        self._needed = mask, points
        self._labels = node.resolve_topic_name(TOPIC)
        self._topics = [publisher.topic_name for publisher in (mask, confidence, points)]
        self._known: set[bytes] = set()
        self._since_s = -math.inf

    def is_open(self) -> bool:
        """Tell whether all subscribers have been there for `HOLD_S`, as its calls have seen."""
        # Counting would miss a subscriber that replaces another, as each activation of the layer
        # does. With one subscriber per topic this takes 0.1 ms, at most grid.update_rate times a
        # second.
        present = {
            bytes(subscriber.endpoint_gid)
            for topic in self._topics
            for subscriber in self._node.get_subscriptions_info_by_topic(topic)
        }
        now_s = self._now_s()
        # A subscriber that leaves makes nobody wait.
        if present - self._known:
            self._since_s = now_s
        self._known = present
        return now_s - self._since_s >= HOLD_S

    def problem(self) -> str:
        """Return what a missing LabelInfo does to subscribers, '' if all is well."""
        if not all(publisher.get_subscription_count() for publisher in self._needed):
            return ''
        # Another node may publish it.
        if self._node.count_publishers(self._labels):
            return ''
        mask, _, points = self._topics
        return (
            f'somebody subscribes to {mask} and {points}, but nobody publishes {self._labels}: '
            "if it is kiwicampus' SemanticSegmentationLayer, this crashes the Nav2 server with a "
            'segmentation fault; install vision_msgs 4.1 or newer (ros-<distro>-vision-msgs) and '
            'start this node again'
        )
