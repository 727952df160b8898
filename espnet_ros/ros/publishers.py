"""Publishers that cost the executor nothing."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

try:
    from rclpy.event_handler import PublisherEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks


def create_publisher(node: Node, kind: Any, topic: str, profile: QoSProfile) -> Publisher:
    """Return a publisher that does not listen for subscribers whose profile does not fit.

    rclpy's executor asks each listener before each message it receives: of some twenty outputs
    with two each, that took longer than an image. Who subscribes with such a profile is warned
    by his own node.

    :param kind: type of the messages.
    :param topic: a name, in the namespace of the node if it begins with ``~/``.
    """
    return node.create_publisher(
        kind, topic, profile, event_callbacks=PublisherEventCallbacks(use_default_callbacks=False)
    )
