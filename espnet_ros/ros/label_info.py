"""The class table as a message, for who must know what a class_id means."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from std_msgs.msg import Header

from espnet_ros.core.labels import UNLABELED, Labels
from espnet_ros.ros.publishers import create_publisher
from espnet_ros.ros.qos import latched_profile

TOPIC = '~/label_info'


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


def publish_label_info(node: Node, labels: Labels) -> Any | None:
    """Publish the class table for all who come later, too; return the publisher.

    :return: None, and a line in the log, if vision_msgs is not installed.
    """
    messages = label_info_module()
    if messages is None:
        node.get_logger().info(
            f'vision_msgs with LabelInfo is not installed, so {TOPIC} is not published'
        )
        return None
    publisher = create_publisher(node, messages.LabelInfo, TOPIC, latched_profile())
    header = Header(stamp=node.get_clock().now().to_msg())
    publisher.publish(make_label_info(labels, header, messages))
    return publisher
