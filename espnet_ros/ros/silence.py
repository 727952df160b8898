"""Why nothing arrives on a topic."""

from __future__ import annotations

from collections.abc import Collection

from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy

OTHER_TRANSPORT = 'set input.transport to match'
# Whether large images arrive depends on their sender.
_LARGE_IMAGES = (
    'start the camera driver with the Fast DDS profile config/fastdds_large_images.xml, or large '
    'images get lost'
)
# Shared memory that only one of the two can open: the topic is listed, but nothing comes.
_APART = (
    'or driver and node run as different users, or one of them in a container without --ipc=host'
)


def why_silent(
    node: Node, topic: str, type_name: str, reliable: bool, came: bool,
    other_type: str = OTHER_TRANSPORT,
) -> str:  # fmt: skip
    """Return the likeliest reason why no image arrives on a topic.

    :param topic: fully qualified.
    :param type_name: what the node subscribes to, e.g. ``sensor_msgs/msg/Image``.
    :param reliable: whether it asks for reliable delivery.
    :param came: whether an image ever arrived.
    :param other_type: what to do if somebody publishes another type.
    """
    publishers = node.get_publishers_info_by_topic(topic)
    types = {p.topic_type for p in publishers}
    nobody = 'remap it or start the camera'
    mismatch = type_mismatch(topic, type_name, types, nobody, other_type)
    if mismatch:
        return mismatch
    best_effort = ReliabilityPolicy.BEST_EFFORT
    if reliable and all(p.qos_profile.reliability == best_effort for p in publishers):
        return f'the publisher of {topic} is best effort; set input.reliability to best_effort'
    if came:
        return (
            f'images of {topic} came before: the camera has paused, is slow or has stopped; '
            f'{_LARGE_IMAGES}'
        )
    return f'{topic} has a publisher, but its images do not arrive; {_LARGE_IMAGES}; {_APART}'


def type_mismatch(
    topic: str, type_name: str, types: Collection[str], nobody: str, other_type: str
) -> str:
    """Return why no publisher of a topic suits a subscription to it, '' if one does.

    :param types: what they publish.
    :param nobody: what to do if there is no publisher.
    :param other_type: what to do if all of them publish another type.
    """
    if not types:
        return f'nobody publishes {topic}; {nobody}'
    if type_name not in types:
        return f'{topic} has type {", ".join(sorted(types))}, not {type_name}; {other_type}'
    return ''
