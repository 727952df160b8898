"""How messages speak of a camera, with a name or without."""

from __future__ import annotations

import pytest

from espnet_ros.core.names import about, mount_parameter, upside_down_parameter


@pytest.mark.parametrize(
    ('camera', 'text', 'expected'),
    [
        ('front', 'no image', 'front: no image'),
        ('', 'no image', 'no image'),
        # A problem that there is not stays none.
        ('front', '', ''),
    ],
)
def test_a_text_about_a_camera(camera, text, expected):
    assert about(camera, text) == expected


def test_the_parameters_of_a_mount():
    assert mount_parameter('rear/left') == 'camera_mount.rear/left'
    assert mount_parameter('') == 'camera_mount'


def test_the_parameter_of_a_turned_image():
    assert upside_down_parameter('rear/left') == 'input.rear/left.upside_down'
    assert upside_down_parameter('') == 'input.upside_down'
