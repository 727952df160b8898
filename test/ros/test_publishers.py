"""That outputs give rclpy's executor nothing to look at."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from rclpy.qos import DurabilityPolicy
from std_msgs.msg import String

from espnet_ros.core.topics import PER_CAMERA, SHARED
from espnet_ros.ros.label_info import label_info_module
from espnet_ros.ros.publishers import create_output, create_publisher
from espnet_ros.ros.qos import latched_profile


@pytest.fixture
def node(peer):
    return peer.node


def test_a_publisher_adds_no_waitable_and_publishes(node, peer):
    before = len(list(node.waitables))
    publisher = create_publisher(node, String, 'words', latched_profile())
    try:
        assert len(list(node.waitables)) == before
        peer.listen(String, 'words')
        publisher.publish(String(data='heard'))
        peer.wait(lambda: peer.heard['words'], 'the word')
        assert peer.heard['words'][0].data == 'heard'
    finally:
        peer.run(node.destroy_publisher, publisher)


@pytest.mark.parametrize(
    ('output', 'given', 'name'),
    [
        *((output, {}, output) for output in SHARED if '<' not in output),
        *((output, {}, output) for output in PER_CAMERA if '<' not in output),
        ('mask', {'camera': 'rig/left'}, 'rig/left/mask'),
        ('layers/<layer>', {'layer': 'ways'}, 'layers/ways'),
        ('points/<layer>', {'camera': 'left', 'layer': 'ways'}, 'left/points/ways'),
    ],
)
def test_an_output_is_what_the_table_says_and_goes_with_its_owner(peer, output, given, name):
    if output == 'label_info' and label_info_module() is None:
        pytest.skip('vision_msgs 4.1 or newer is not installed')
    topic = f'{peer.node.get_fully_qualified_name()}/{name}'
    made = ExitStack()
    publisher = create_output(made, peer.node, output, **given)
    try:
        assert publisher.topic_name == topic
        package = publisher.msg_type.__module__.partition('.')[0]
        kind = f'{package}/{publisher.msg_type.__name__}'
        assert kind == {**SHARED, **PER_CAMERA}[output]
        is_latched = publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
        assert is_latched == (output in SHARED)
    finally:
        peer.run(made.close)
    assert publisher not in list(peer.node.publishers)
