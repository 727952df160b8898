"""Transforms against values by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from espnet_ros.core.errors import ParameterError, PoseError
from espnet_ros.core.transforms import (
    camera_mount,
    from_quaternion,
    interpolate,
    rigid,
    rigid_inverse,
)
from espnet_ros.sim.camera import Camera

HALF = math.sqrt(0.5)


def about_z(degrees: float, x: float = 0.0) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0, x], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def test_rigid_returns_what_is_rigid():
    given = about_z(30, 2).astype(np.float32)
    assert rigid(given, 'T').dtype == np.float64
    np.testing.assert_array_equal(rigid(given, 'T'), given)


def test_a_rotation_of_few_digits_is_rigid():
    # cos 30 to four digits makes columns 2e-5 too long.
    given = about_z(30, 2).round(4)
    np.testing.assert_array_equal(rigid(given, 'T'), given)


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (np.eye(3), r'shape \(3, 3\)'),
        (about_z(0, np.nan), 'finite'),
        (2 * np.eye(4), 'rotation with a translation'),
        (np.diag([1.0, 1, -1, 1]), 'rotation with a translation'),
        (np.diag([2.0, 2, 2, 1]), 'rotation with a translation'),
        (np.diag([1.0, 1, 1.001, 1]), 'rotation with a translation'),
        (about_z(30, 2).T, 'rotation with a translation'),  # column by column
    ],
)
def test_rigid_refuses_the_rest(given: np.ndarray, message: str):
    with pytest.raises(PoseError, match=f'T_grid_base.*{message}'):
        rigid(given, 'T_grid_base')


def test_the_inverse_turns_back_and_then_moves_back():
    inverse = rigid_inverse(about_z(90, 2))
    # (2, 0) is the origin of the turned frame, and its x is the other one's y.
    np.testing.assert_allclose(inverse @ [2, 0, 5, 1], [0, 0, 5, 1], atol=1e-12)
    np.testing.assert_allclose(inverse @ [2, 3, 5, 1], [3, 0, 5, 1], atol=1e-12)
    np.testing.assert_array_equal(inverse[3], [0, 0, 0, 1])


@pytest.mark.parametrize(
    ('quaternion', 'columns'),
    [
        ((0, 0, 0, 1), ((1, 0, 0), (0, 1, 0), (0, 0, 1))),
        ((0, 0, HALF, HALF), ((0, 1, 0), (-1, 0, 0), (0, 0, 1))),
        ((HALF, 0, 0, HALF), ((1, 0, 0), (0, 0, 1), (0, -1, 0))),
        ((0, HALF, 0, HALF), ((0, 0, -1), (0, 1, 0), (1, 0, 0))),
        # A third of a turn about the space diagonal: x to y to z to x.
        ((0.5, 0.5, 0.5, 0.5), ((0, 1, 0), (0, 0, 1), (1, 0, 0))),
        ((-0.5, -0.5, -0.5, -0.5), ((0, 1, 0), (0, 0, 1), (1, 0, 0))),
    ],
)
def test_a_quaternion_turns_the_axes(quaternion: tuple, columns: tuple):
    T = from_quaternion((3, 4, 5), quaternion, 'T')
    np.testing.assert_allclose(T[:3, :3].T, columns, atol=1e-15)
    np.testing.assert_array_equal(T[:3, 3], (3, 4, 5))
    np.testing.assert_array_equal(T[3], (0, 0, 0, 1))


def test_a_quaternion_slightly_off_is_normalised():
    T = from_quaternion((0, 0, 0), (0, 0, 0.991 * HALF, 0.991 * HALF), 'T')
    np.testing.assert_allclose(T, about_z(90), atol=1e-15)


@pytest.mark.parametrize(
    ('translation', 'quaternion', 'message'),
    [
        ((0, 0, 0), (0, 0, 0, 0), 'norm 0'),
        ((0, 0, 0), (0, 0, 0, 1.02), r'norm 1\.02'),
        ((0, 0, 0), (0, 0.989, 0, 0), r'norm 0\.989'),
        ((0, 0, 0), (0, 0, 0, 1.011), r'norm 1\.011'),
        ((0, 0, 0), (0.6, 0.6, 0, 0), r'norm 0\.8485'),
        ((0, math.nan, 0), (0, 0, 0, 1), 'finite'),
        ((0, 0, 0), (0, 0, math.inf, 1), 'finite'),
        ((2, -1.5e9, 0), (0, 0, 0, 1), r'within 1e\+09 m .*got \[2\.0, -1500000000\.0, 0\.0\]'),
        ((0, 0, -1e300), (0, 0, 0, 1), r'within 1e\+09 m'),
    ],
)
def test_what_is_no_pose_is_refused(translation: tuple, quaternion: tuple, message: str):
    with pytest.raises(PoseError, match=message):
        from_quaternion(translation, quaternion, 'the pose')


def test_halfway_is_half_the_turn_and_half_the_way():
    between = interpolate(about_z(10, 2), about_z(100, 6), 0.5)
    np.testing.assert_allclose(between, about_z(55, 4), atol=1e-12)


def test_a_share_of_a_turn_over_180_degrees_goes_the_short_way():
    between = interpolate(about_z(170, 0), about_z(-150, 4), 0.25)
    np.testing.assert_allclose(between, about_z(180, 1), atol=1e-12)


def test_the_turn_is_about_the_axis_between_the_two_and_not_by_angle():
    # From upright to the third of a turn about the diagonal: half is a sixth of a turn about it.
    end = from_quaternion((0, 0, 0), (0.5, 0.5, 0.5, 0.5), 'T')
    half = from_quaternion((0, 0, 0), (*[math.sin(math.pi / 6) / math.sqrt(3)] * 3, 0.75**0.5), '')
    np.testing.assert_allclose(interpolate(np.eye(4), end, 0.5), half, atol=1e-12)


def test_the_turn_is_taken_from_where_the_start_looks():
    # The start has rolled by 90 degrees; from there the end turns 90 degrees to its own left.
    start, end = np.eye(4), np.eye(4)
    start[:3, :3] = np.transpose([(1, 0, 0), (0, 0, 1), (0, -1, 0)])
    end[:3, :3] = np.transpose([(0, 0, 1), (-1, 0, 0), (0, -1, 0)])
    half = np.transpose([(HALF, 0, HALF), (-HALF, 0, HALF), (0, -1, 0)])
    np.testing.assert_allclose(interpolate(start, end, 0.5)[:3, :3], half, atol=1e-12)


@pytest.mark.parametrize('share', [0.0, 1.0])
def test_the_ends_are_the_ends(share: float):
    start, end = about_z(-20, 1), about_z(70, -3)
    np.testing.assert_allclose(interpolate(start, end, share), end if share else start, atol=1e-12)


def test_a_level_camera_looks_along_x_with_its_right_at_minus_y():
    T = camera_mount((0.3, -0.1, 1.2), (0, 0, 0))
    right, down, forward, place = T[:3].T
    np.testing.assert_array_equal(right, (0, -1, 0))
    np.testing.assert_array_equal(down, (0, 0, -1))
    np.testing.assert_array_equal(forward, (1, 0, 0))
    np.testing.assert_array_equal(place, (0.3, -0.1, 1.2))


def test_a_positive_pitch_looks_down_and_a_positive_yaw_to_the_left():
    forward = camera_mount((0, 0, 1), (0, math.radians(30), 0))[:3, 2]
    np.testing.assert_allclose(forward, (math.sqrt(0.75), 0, -0.5), atol=1e-15)
    forward = camera_mount((0, 0, 1), (0, 0, math.radians(30)))[:3, 2]
    np.testing.assert_allclose(forward, (math.sqrt(0.75), 0.5, 0), atol=1e-15)


def test_a_positive_roll_lowers_the_right_side():
    # As with URDF's fixed axes: y turns towards z, so the left side, y, goes up.
    right = camera_mount((0, 0, 1), (math.radians(30), 0, 0))[:3, 0]
    np.testing.assert_allclose(right, (0, -math.sqrt(0.75), -0.5), atol=1e-15)


def test_roll_pitch_and_yaw_are_about_fixed_axes_in_that_order():
    # Roll 90: z goes to -y. Pitch 90: x goes to -z, z to x. Yaw 90: x goes to y, y to -x.
    quarter = math.pi / 2
    right, down, forward = camera_mount((0, 0, 0), (quarter, quarter, quarter))[:3, :3].T
    np.testing.assert_allclose(forward, (0, 0, -1), atol=1e-15)
    # Body y: roll takes it to z, pitch on to x, yaw on to y; the right side is its opposite.
    np.testing.assert_allclose(right, (0, -1, 0), atol=1e-15)
    # Body z: roll takes it to -y, pitch leaves it, yaw takes it to x; down is its opposite.
    np.testing.assert_allclose(down, (-1, 0, 0), atol=1e-15)


def test_it_agrees_with_the_camera_of_the_street():
    camera = Camera(1.3, math.radians(12), yaw_rad=math.radians(-40), forward_m=0.4, left_m=0.2)
    mount = camera_mount((0.4, 0.2, 1.3), (0, math.radians(12), math.radians(-40)))
    np.testing.assert_allclose(mount, camera.pose(), atol=1e-15)


def test_a_mount_that_is_none_is_refused_with_both_offenders():
    with pytest.raises(ParameterError, match=r'xyz .*got \[1.0, 2.0\]; rpy .*got \[.*nan'):
        camera_mount((1, 2), (0, math.nan, 0))
