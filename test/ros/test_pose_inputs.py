"""What poses are made of: odometry messages, stamps, mounts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pose_rig import NOW, T_MOUNT, header, odometry

from espnet_ros.core.errors import PoseError
from espnet_ros.ros.pose_inputs import mount_of, read_odometry, stamp_seconds


@pytest.mark.parametrize('frames', [{}, {'child': ''}, {'frame': '/odom', 'child': '/base_link'}])
def test_odometry_is_a_time_and_a_pose(frames):
    half = math.sqrt(0.5)
    message = odometry(1.25, x=4.0, z=half, w=half, **frames)
    stamp_s, T_grid_base = read_odometry(message, 'odom', 'base_link')
    assert stamp_s == NOW + 1.25
    expected = [[0, -1, 0, 4], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(T_grid_base, expected, atol=1e-15)


@pytest.mark.parametrize(
    ('bad', 'reason'),
    [
        (odometry(1.1, x=math.nan), 'must be finite'),
        (odometry(1.1, x=1e300), r'within 1e\+09 m of the origin'),
        (
            odometry(1.1, frame='map', child='imu'),
            "frame_id is 'map', .* is 'odom'; child_frame_id is 'imu', .* make them match",
        ),
        (odometry(1.1, w=math.inf), 'must be finite'),
        (odometry(1.1, w=0.0), 'norm 0'),
        (odometry(1.1, w=1.02), r'norm 1\.02'),
        (odometry(1.1, frame='map'), "header.frame_id is 'map', but grid.frame is 'odom'"),
        (odometry(1.1, child='imu'), "child_frame_id is 'imu', but pose.base_frame is 'base_link"),
        (odometry(0), 'no stamp'),
    ],
)
def test_odometry_that_can_not_be_is_refused(bad, reason):
    with pytest.raises(PoseError, match=reason):
        read_odometry(bad, 'odom', 'base_link')


def test_a_stamp_of_zero_is_none():
    assert stamp_seconds(header(0.5), 'image') == NOW + 0.5
    with pytest.raises(PoseError, match='the image has no stamp: its driver must fill in'):
        stamp_seconds(header(0), 'image')


def test_a_camera_without_a_mount_is_named():
    assert mount_of({'left': T_MOUNT}, 'left') is T_MOUNT
    for camera, prefix in (('', 'camera_mount'), ('front', 'camera_mount.front')):
        with pytest.raises(PoseError, match=rf'^{prefix}\.xyz and {prefix}\.rpy are not set: '):
            mount_of({'left': T_MOUNT}, camera)
