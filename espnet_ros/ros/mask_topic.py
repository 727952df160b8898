"""The mask topic of `espnet_ros benchmark`: published as the node does, received elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.ros.conversions import array_to_image
from espnet_ros.ros.publishers import create_publisher
from espnet_ros.ros.qos import output_profile

TOPIC = '/espnet_ros_benchmark/mask'


class _End:
    """One process's end of the topic, in a ROS context of its own.

    :param name: of the node; the process id is appended.
    :param create: called with the node, makes its publisher or subscription.
    """

    def __init__(self, name: str, create: Callable[[Node], Any]) -> None:
        with ExitStack() as made:
            self._context = Context()
            rclpy.init(context=self._context)
            made.callback(rclpy.shutdown, context=self._context)
            self._node: Node = rclpy.create_node(
                f'espnet_ros_{name}_{os.getpid()}', context=self._context, enable_rosout=False,
                start_parameter_services=False,
            )  # fmt: skip
            made.callback(self._node.destroy_node)
            self._topic = create(self._node)
            self._made = made.pop_all()

    def close(self) -> None:
        """Leave ROS."""
        self._made.close()


class MaskReceiver(_End):
    """Subscribes, and leaves the last mask to the middleware: taking it is not publishing."""

    def __init__(self) -> None:
        def subscribe(node: Node) -> Any:
            return node.create_subscription(Image, TOPIC, lambda _: None, output_profile())

        super().__init__('receiver', subscribe)


class MaskPublisher(_End):
    """Publishes masks with the node's profile and conversion.

    :param wait_s: how long to look for a subscriber; without one there is nothing to measure.
    :raises TimeoutError: if none was found.
    """

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            'publisher', lambda node: create_publisher(node, Image, TOPIC, output_profile())
        )
        self._header = Header(frame_id='camera')
        try:
            self._wait(wait_s)
        except BaseException:
            self.close()
            raise

    def publish(self, mask: UInt8Array) -> None:
        """Publish a mask.

        :param mask: uint8 (H, W), C-contiguous.
        """
        self._topic.publish(array_to_image(mask, self._header, 'mono8'))

    def _wait(self, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while not self._topic.get_subscription_count():
            if time.monotonic() > deadline:
                raise TimeoutError(f'no subscriber in another process found in {wait_s:g} s')
            time.sleep(0.01)
