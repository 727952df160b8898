"""Cameras that do not see the world upright, by mounts as in URDF."""

from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.core.camera_roll import roll_deg, roll_problem
from espnet_ros.core.transforms import camera_mount


def mounted(roll: float, pitch: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    """Return T_base_camera of a camera turned by degrees."""
    return camera_mount((0.2, 0.0, 1.2), np.radians([roll, pitch, yaw]))


@pytest.mark.parametrize('yaw', [0.0, 120.0, -90.0])
@pytest.mark.parametrize('pitch', [0.0, 30.0, -10.0, 65.0])
@pytest.mark.parametrize('roll', [0.0, 44.0, -90.0, 136.0, 180.0, -170.0])
def test_the_roll_is_that_of_the_mount(roll, pitch, yaw):
    # URDF's roll comes first, about the axis along which the camera looks.
    assert roll_deg(mounted(roll, pitch, yaw)) == pytest.approx(abs(roll), abs=1e-6)


def test_the_axes_by_hand():
    # Level, looking along x of the base: right is -y, down is -z; upside down they are y and z.
    upright = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1]], float)
    hanging = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]], float)
    on_its_side = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 1], [0, 0, 0, 1]], float)
    assert [roll_deg(T) for T in (upright, hanging, on_its_side)] == [0.0, 180.0, 90.0]


@pytest.mark.parametrize(('pitch', 'has_one'), [(69.0, True), (71.0, False), (-90.0, False)])
def test_a_camera_that_looks_straight_down_has_none(pitch, has_one):
    assert (roll_deg(mounted(180.0, pitch)) is not None) == has_one
    assert bool(roll_problem(mounted(180.0, pitch), False, 'p')) == has_one


MEND = 'correct the roll in camera_mount or in the TF of the camera'


@pytest.mark.parametrize(
    ('roll', 'upside_down', 'words'),
    [
        (0.0, False, ''),
        (44.0, False, ''),
        (46.0, False, 'by its pose, the camera lies on its side (rolled by 46 degrees)'),
        (90.0, False, 'turn images and camera_info in its driver, or ' + MEND),
        (-90.0, True, 'turn images and camera_info in its driver, or ' + MEND),
        (134.0, True, 'lies on its side'),
        (136.0, True, ''),
        (180.0, True, ''),
        (180.0, False, 'set input.left.upside_down to true, or ' + MEND),
        (-136.0, False, 'by its pose, the camera hangs upside down (rolled by 136 degrees)'),
        (44.0, True, 'input.left.upside_down is true, but by its pose the camera is upright'),
        (0.0, True, 'set it to false, or ' + MEND),
    ],
)
def test_what_the_network_does_not_see_upright_is_told_with_the_cure(roll, upside_down, words):
    problem = roll_problem(mounted(roll, 10.0, 30.0), upside_down, 'input.left.upside_down')
    assert words in problem and bool(problem) == bool(words)
