"""Which strings are topics of the node."""

from __future__ import annotations

import pytest

from espnet_ros.nav2.topics import find_topic


@pytest.mark.parametrize(
    ('text', 'output', 'layer', 'camera'),
    [
        ('/segmentation/costmap', 'costmap', '', ''),
        ('segmentation/layers/people', 'layers/<layer>', 'people', ''),
        ('/robot1/segmentation/nav/mask', 'nav/mask', '', ''),
        ('/segmentation/left/nav/mask', 'nav/mask', '', 'left'),
        ('/segmentation/rig/front/mask', 'mask', '', 'rig/front'),
        ('/segmentation/points/clear', 'points/clear', '', ''),
        ('/segmentation/front/points/people', 'points/<layer>', 'people', 'front'),
        ('/segmentation/nav_cam/mask', 'mask', '', 'nav_cam'),
        ('/segmentation/NAV/mask', 'mask', '', 'NAV'),
        ('/segmentation/overlay/compressed', 'overlay/compressed', '', ''),
        # No output of the node: one grid and one label_info for all cameras, misspelled names.
        ('/segmentation/front/costmap', '', '', ''),
        ('/segmentation/front/label_info', '', '', ''),
        ('/segmentation/navv/mask', '', '', ''),
        # No camera can be called so.
        ('/segmentation/rig/1/mask', '', '', ''),
        ('/robot1/segmentation/costmaps', '', '', ''),
    ],
)
def test_topics_of_the_node(text, output, layer, camera):
    topic = find_topic(text)
    assert topic is not None
    assert (topic.output, topic.layer, topic.camera) == (output, layer, camera)


@pytest.mark.parametrize(
    'value',
    [
        '/map',
        'scan',
        '/segmentation',
        '/segmentation/',
        '/my_segmentation/costmap',
        '/camera/segmentation/anything',
        None,
        7,
        ['/segmentation/costmap'],
    ],
)
def test_what_is_not_the_nodes(value):
    assert find_topic(value) is None


@pytest.mark.parametrize(
    ('text', 'nearest'),
    [
        ('/segmentation/cost_map', '/segmentation/costmap'),
        ('/a/segmentation/nav/point', '/a/segmentation/nav/points'),
        ('segmentation/labelinfo', 'segmentation/label_info'),
    ],
)
def test_the_nearest_output_is_offered(text, nearest):
    topic = find_topic(text)
    assert topic is not None
    assert (topic.output, topic.nearest) == ('', nearest)


@pytest.mark.parametrize(
    ('text', 'name', 'expected'),
    [
        ('/a/segmentation/points/people', 'points/clear', '/a/segmentation/points/clear'),
        ('/segmentation/left/points/people', 'points/clear', '/segmentation/left/points/clear'),
        ('/segmentation/left/points/people', 'layers/people', '/segmentation/layers/people'),
        ('/segmentation/left/nav/mask', 'label_info', '/segmentation/label_info'),
    ],
)
def test_the_topic_of_another_output(text, name, expected):
    topic = find_topic(text)
    assert topic is not None
    assert topic.beside(name) == expected
