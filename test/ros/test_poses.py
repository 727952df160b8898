"""Poses from odometry over DDS, and by declaration."""

from __future__ import annotations

import math
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from pose_rig import DEADLINE_S, T_MOUNT, header, odometry, place

from espnet_ros.core.errors import AbandonedError, ParameterError, PoseError


@pytest.fixture
def no_tf2(monkeypatch):
    """Make tf2_ros a module that can't be imported, as with pip's ROS 2."""
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)


def test_odometry_is_interpolated_at_the_image_stamp(make_poses, publisher):
    poses, node = make_poses('odometry')
    assert poses.latest() is None
    wheels = publisher(Odometry, f'{node.get_namespace()}/odometry')
    assert 'has a publisher, but no message has come' in poses.problem()
    wheels.publish(odometry(1.0, x=2.0))
    half = math.sqrt(0.5)
    # Some drivers leave the child out, some write frames as ROS 1 did.
    wheels.publish(odometry(1.5, x=4.0, z=half, w=half, child='', frame='/odom'))
    T_base_camera, T_grid_base = poses.at(header(1.25), '')
    np.testing.assert_array_equal(T_base_camera, T_MOUNT)
    # A quarter of a turn to the left and 2 m in half a second: half of both at half of it.
    expected = [[half, -half, 0, 3], [half, half, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(T_grid_base, expected, atol=1e-6)
    np.testing.assert_allclose(poses.latest()[:3, 3], (4, 0, 0))
    assert (poses.name, poses.problem()) == ('odometry', '')


def test_odometry_that_can_not_be_is_refused_and_said(make_poses, publisher):
    poses, node = make_poses('odometry')
    wheels = publisher(Odometry, f'{node.get_namespace()}/odometry')
    wheels.publish(odometry(1.0, x=2.0))
    wheels.publish(odometry(1.1, x=math.nan))
    wheels.publish(odometry(1.2, x=4.0))
    assert place(poses, 1.1) == pytest.approx(3.0, abs=1e-5)
    topic = f'{node.get_namespace()}/odometry'
    expected = rf'messages of {topic} refused: 1 of the last 3 \(.*must be finite'
    assert re.search(expected, poses.problem())


def test_refused_odometry_is_why_an_image_has_no_pose(make_poses, publisher):
    poses, node = make_poses('odometry', timeout_s=0.05)
    topic = f'{node.get_namespace()}/odometry'
    wheels = publisher(Odometry, topic)
    wheels.publish(odometry(1.1, frame='map'))
    deadline = time.monotonic() + DEADLINE_S
    while 'refused' not in poses.problem() and time.monotonic() < deadline:
        with pytest.raises(PoseError):
            place(poses, 1.1)
    expected = f"last message of {topic} was refused: header.frame_id is 'map'"
    with pytest.raises(PoseError, match=expected):
        place(poses, 1.1)


def test_a_quaternion_slightly_off_is_accepted(make_poses, publisher):
    poses, node = make_poses('odometry')
    publisher(Odometry, f'{node.get_namespace()}/odometry').publish(odometry(1.0, w=0.995))
    np.testing.assert_array_equal(poses.at(header(1.0), '')[1], np.eye(4))
    assert poses.problem() == ''


def test_old_troubles_are_forgotten(make_poses, publisher):
    poses, node = make_poses('odometry')
    wheels = publisher(Odometry, f'{node.get_namespace()}/odometry')
    wheels.publish(odometry(1.0, w=0.5))
    for step in range(50):
        wheels.publish(odometry(1.1 + 0.1 * step))
        poses.at(header(1.1 + 0.1 * step), '')
    assert poses.problem() == ''


def test_time_set_back_starts_the_odometry_anew(make_poses, publisher):
    poses, node = make_poses('odometry')
    wheels = publisher(Odometry, f'{node.get_namespace()}/odometry')
    wheels.publish(odometry(10.0, x=9.0))
    assert place(poses, 10.0) == 9.0
    for seconds, x in ((8.0, 2.0), (8.5, 3.0), (10.5, 7.0)):
        wheels.publish(odometry(seconds, x=x))
    # That one is waited for, so all are there.
    assert place(poses, 10.5) == 7.0
    assert place(poses, 8.25) == pytest.approx(2.5, abs=1e-6)


def test_late_odometry_is_an_error_after_the_time_out(make_poses, publisher):
    poses, node = make_poses('odometry', timeout_s=0.05)
    with pytest.raises(PoseError, match=r'no odometry has arrived, even after waiting 0\.05 s'):
        place(poses, 1.0)
    told = f'nobody publishes {node.get_namespace()}/odometry; remap odometry, or set pose.source'
    assert poses.problem() == told


def test_destroying_ends_the_wait(make_poses, peer):
    poses, node = make_poses('odometry')
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(place, poses, 1.0)
        peer.run(poses.destroy)
        with pytest.raises(AbandonedError):
            answer.result(DEADLINE_S)
    assert not [s for s in node.subscriptions if s.topic_name.endswith('/odometry')]


def test_an_image_without_stamp_is_refused(make_poses):
    with pytest.raises(PoseError, match='the image has no stamp'):
        make_poses('odometry')[0].at(header(0), '')


def test_a_topic_of_another_type_is_named(make_poses, monkeypatch):
    poses, node = make_poses('odometry')
    # One process can't publish two types on one topic.
    other = SimpleNamespace(topic_type='geometry_msgs/msg/PoseStamped')
    monkeypatch.setattr(node, 'get_publishers_info_by_topic', lambda topic: [other])
    topic = f'{node.get_namespace()}/odometry'
    assert poses.problem() == (
        f'{topic} has type geometry_msgs/msg/PoseStamped, not nav_msgs/msg/Odometry; '
        'remap odometry, or set pose.source'
    )


@pytest.mark.parametrize('source', ['odometry', 'fixed'])
def test_a_camera_without_a_mount_is_an_error(make_poses, source):
    poses, _ = make_poses(source, mounted=('left',))
    with pytest.raises(PoseError, match=r'^camera_mount.xyz and camera_mount.rpy are not set: '):
        poses.at(header(1.0), '')
    with pytest.raises(PoseError, match=r'^camera_mount.front.xyz and camera_mount.front.rpy are'):
        poses.at(header(1.0), 'front')


# Fixed, and by default


def test_fixed_is_the_origin_whatever_the_stamp(make_poses):
    poses, node = make_poses('fixed')
    for seconds in (0, 1.0):
        T_base_camera, T_grid_base = poses.at(header(seconds), '')
        np.testing.assert_array_equal(T_base_camera, T_MOUNT)
        np.testing.assert_array_equal(T_grid_base, np.eye(4))
    np.testing.assert_array_equal(poses.latest(), np.eye(4))
    assert (poses.name, poses.problem()) == ('fixed', '')
    assert not [s for s in node.subscriptions if s.topic_name.endswith('/odometry')]


def test_auto_without_tf2_is_fixed_until_odometry_comes_and_never_again(
    make_poses, publisher, peer, no_tf2
):
    poses, node = make_poses('auto', timeout_s=0.05)
    topic = f'{node.get_namespace()}/odometry'
    assert poses.name == 'fixed'
    np.testing.assert_array_equal(poses.at(header(1.0), '')[1], np.eye(4))
    np.testing.assert_array_equal(poses.latest(), np.eye(4))
    assert f'nobody publishes {topic}, so the robot is assumed to stand still' in poses.problem()
    wheels = publisher(Odometry, topic)
    # A publisher is enough: there is a robot that moves, though nobody knows yet where.
    assert poses.name == 'odometry'
    assert poses.latest() is None
    with pytest.raises(PoseError, match='no odometry has arrived'):
        place(poses, 1.0)
    peer.run(peer.node.destroy_publisher, wheels)
    assert poses.name == 'odometry'
    with pytest.raises(PoseError, match='no odometry has arrived'):
        place(poses, 1.0)
    assert poses.problem().startswith(f'nobody publishes {topic}; remap odometry')


def test_auto_without_tf2_follows_the_odometry(make_poses, publisher, no_tf2):
    poses, node = make_poses('auto')
    wheels = publisher(Odometry, f'{node.get_namespace()}/odometry')
    wheels.publish(odometry(1.0, x=2.0))
    assert place(poses, 1.0) == 2.0


def test_tf_without_tf2_is_refused_with_the_cure(make_poses, no_tf2):
    with pytest.raises(ParameterError, match=r'tf needs tf2_ros.*ros-<distro>-tf2-ros-py'):
        make_poses('tf')


def test_waiting_for_odometry_ends_when_it_is_not_allowed(make_poses):
    for source in ('odometry', 'fixed'):
        poses, _ = make_poses(source)
        poses.allow_waiting(False)
        if source == 'fixed':
            assert place(poses, 1.0) == 0.0
        else:
            with pytest.raises(AbandonedError):
                place(poses, 1.0)


def test_auto_waits_no_longer_than_its_odometry_may(no_tf2, make_poses, publisher):
    poses, node = make_poses('auto')
    publisher(Odometry, f'{node.get_namespace()}/odometry')
    assert poses.name == 'odometry'
    poses.allow_waiting(False)
    with pytest.raises(AbandonedError):
        place(poses, 1.0)
