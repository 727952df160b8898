"""The table of topics, and which names of cameras would get those of somebody else."""

from __future__ import annotations

import re

from espnet_ros.core.topics import PER_CAMERA, SHARED, of_camera, taken_names


def test_the_topics_of_a_camera_begin_with_its_name_if_it_has_one():
    assert of_camera('left', 'nav/mask') == 'left/nav/mask'
    assert of_camera('', 'nav/mask') == 'nav/mask'


def test_a_camera_that_is_called_like_a_group_of_topics_would_share_one():
    assert taken_names([]) == {'layers'}
    # left/nav/mask, left/points/<layer> and left/depth/image are of the camera left.
    assert taken_names(['left']) == {'layers', 'left/nav', 'left/points', 'left/depth'}


def test_types_are_of_packages_that_ros_knows():
    types = {*SHARED.values(), *PER_CAMERA.values()}
    assert all(re.fullmatch(r'(sensor|nav|vision)_msgs/[A-Z]\w+', kind) for kind in types)
