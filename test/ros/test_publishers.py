"""That outputs give rclpy's executor nothing to look at."""

from __future__ import annotations

import pytest
from std_msgs.msg import String

from espnet_ros.ros.publishers import create_publisher
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
