"""Publishers that cost the executor nothing."""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from espnet_ros.core.topics import ANY_LAYER, PER_CAMERA, SHARED, of_camera
from espnet_ros.ros.qos import latched_profile, output_profile

try:
    from rclpy.event_handler import PublisherEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks


def create_publisher(node: Node, kind: Any, topic: str, profile: QoSProfile) -> Publisher:
    """Return a publisher that does not listen for subscribers whose profile does not fit.

    rclpy's executor asks each listener before each message it receives: with some twenty outputs
    and two listeners each, that took longer than an image. A subscriber with such a profile is
    warned by its own node.

    :param kind: type of the messages.
    :param topic: a name, in the namespace of the node if it begins with ``~/``.
    """
    return node.create_publisher(
        kind, topic, profile, event_callbacks=PublisherEventCallbacks(use_default_callbacks=False)
    )


def create_output(
    made: ExitStack, node: Node, output: str, camera: str = '', layer: str = ''
) -> Publisher[Any]:
    """Return the publisher of an output of the node, as `espnet_ros.core.topics` has it.

    :param made: destroys it, so that a failure half-way leaves no publisher behind.
    :param output: private name, with ``<layer>`` in place of a layer's name.
    :param camera: whose output it is, empty for a single camera and for outputs of the whole node.
    :raises ImportError: if its message is not installed.
    """
    package, kind = {**SHARED, **PER_CAMERA}[output].split('/')
    message = getattr(importlib.import_module(f'{package}.msg'), kind)
    topic = '~/' + of_camera(camera, output.replace(ANY_LAYER, layer))
    profile = latched_profile() if output in SHARED else output_profile()
    publisher = create_publisher(node, message, topic, profile)
    made.callback(lambda: node.destroy_publisher(publisher))
    return publisher
