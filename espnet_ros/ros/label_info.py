"""The class table as a message, for subscribers that must know what a class_id means."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Header

from espnet_ros.core.labels import UNLABELED, Labels
from espnet_ros.ros.publishers import create_output

OUTPUT = 'label_info'
TOPIC = f'~/{OUTPUT}'


def label_info_module() -> Any | None:
    """Return ``vision_msgs.msg`` with LabelInfo (from 4.1 on), or None if not installed."""
    try:
        import vision_msgs.msg
    except ImportError:
        return None
    return vision_msgs.msg if hasattr(vision_msgs.msg, 'LabelInfo') else None


def make_label_info(labels: Labels, header: Header, messages: Any) -> Any:
    """Return a LabelInfo with the classes that masks can hold.

    :param messages: the module ``vision_msgs.msg``.
    """
    published = sorted(set(labels.mask_lut.tolist()) - {UNLABELED})
    return messages.LabelInfo(
        header=header,
        class_map=[
            messages.VisionClass(class_id=class_id, class_name=labels[class_id].name)
            for class_id in published
        ],
    )


def publish_label_info(made: ExitStack, node: Node, labels: Labels) -> None:
    """Publish the class table, also for later subscribers, if vision_msgs is installed.

    :param made: destroys the publisher.
    """
    messages = label_info_module()
    if messages is None:
        node.get_logger().info(
            f'vision_msgs with LabelInfo is not installed, so {TOPIC} is not published'
        )
        return
    publisher = create_output(made, node, OUTPUT)
    header = Header(stamp=node.get_clock().now().to_msg())
    publisher.publish(make_label_info(labels, header, messages))
