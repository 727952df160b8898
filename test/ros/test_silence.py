"""The likeliest reason why nothing arrives."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy

from espnet_ros.ros.silence import type_mismatch, why_silent


def publisher(type_name='sensor_msgs/msg/Image', reliability=ReliabilityPolicy.RELIABLE):
    return SimpleNamespace(
        topic_type=type_name, qos_profile=QoSProfile(depth=1, reliability=reliability)
    )


@pytest.mark.parametrize(
    ('publishers', 'reliable', 'words'),
    [
        ([], False, 'nobody publishes /image'),
        ([publisher('sensor_msgs/msg/CompressedImage')], False, 'set input.transport'),
        ([publisher(reliability=ReliabilityPolicy.BEST_EFFORT)], True, 'set input.reliability'),
        ([publisher()], True, 'fastdds_large_images.xml'),
        ([publisher()], True, 'run as different users, or one of them in a container without'),
        ([publisher(reliability=ReliabilityPolicy.BEST_EFFORT)], False, 'fastdds_large_images'),
    ],
)
def test_the_reason_for_silence(publishers, reliable, words):
    node = SimpleNamespace(get_publishers_info_by_topic=lambda topic: publishers)
    assert words in why_silent(node, '/image', 'sensor_msgs/msg/Image', reliable, came=False)


def test_images_that_came_before_are_not_said_never_to_arrive():
    node = SimpleNamespace(get_publishers_info_by_topic=lambda topic: [publisher()])
    reason = why_silent(node, '/image', 'sensor_msgs/msg/Image', True, came=True)
    assert reason.startswith('images of /image came before: the camera has paused')
    assert 'container' not in reason
    # Of large images whose driver lacks the profile, one in many comes.
    assert 'config/fastdds_large_images.xml' in reason


def test_the_cure_for_another_type_is_the_callers():
    found = [publisher('sensor_msgs/msg/CompressedImage')]
    node = SimpleNamespace(get_publishers_info_by_topic=lambda topic: found)
    reason = why_silent(
        node, '/d', 'sensor_msgs/msg/Image', False, came=False, other_type='remap it'
    )
    assert reason == (
        '/d has type sensor_msgs/msg/CompressedImage, not sensor_msgs/msg/Image; remap it'
    )


def test_one_publisher_of_the_right_type_is_enough():
    types = {'sensor_msgs/msg/Image', 'std_msgs/msg/String'}
    assert type_mismatch('/d', 'sensor_msgs/msg/Image', types, 'start it', 'remap it') == ''
    assert type_mismatch('/d', 'nav_msgs/msg/Odometry', types, 'start it', 'remap it') == (
        '/d has type sensor_msgs/msg/Image, std_msgs/msg/String, not nav_msgs/msg/Odometry; '
        'remap it'
    )
