"""Traps of the names in a costmap."""

import pytest
from parameter_files import OBSTACLE, STATIC, Trap, assert_all_have_a_trap, assert_found, check

from espnet_ros.nav2.naming_checks import CHECKS

TRAPS = [
    Trap(
        'static',
        'local_costmap:\n  local_costmap:  # COSTMAP',
        'local_costmap:  # HERE',
        'node_name',
        'no node of Nav2 is called /local_costmap, so',
        cure='/local_costmap/local_costmap (local_costmap: {local_costmap: {ros__',
    ),
    Trap(
        'static',
        'nav2_costmap_2d::StaticLayer',
        'nav2_costmap_2d/StaticLayer  # HERE',
        'plugin_name',
        'there is no plugin nav2_costmap_2d/StaticLayer',
        cure='plugin: "nav2_costmap_2d::StaticLayer"',
    ),
    Trap(
        'static',
        'nav2_costmap_2d::InflationLayer',
        'nav2_costmap_2d/InflationLayer  # HERE',
        'plugin_name',
        'so the costmap does not start',
    ),
    Trap(
        'obstacle',
        'nav2_costmap_2d::VoxelLayer',
        'nav2_costmap_2d::Voxellayers  # HERE',
        'plugin_name',
        'there is no plugin nav2_costmap_2d::Voxellayers',
        cure='plugin: "nav2_costmap_2d::VoxelLayer"',
    ),
    Trap(
        'static',
        '        plugin: nav2_costmap_2d::StaticLayer\n',
        '',
        'unread_topic',
        'grid has no plugin, so nothing reads /segmentation/costmap',
        at='map_topic',
        cure='plugin: "nav2_costmap_2d::StaticLayer" in grid',
    ),
    Trap(
        'static',
        '::ObstacleLayer',
        '::ObstacleLayer\n        topic: /segmentation/points/people  # HERE',
        'unread_topic',
        'no layer reads /segmentation/points/people from lidar.topic',
        cure='topic in a source of a layer with plugin: "nav2_costmap_2d::ObstacleLayer"',
    ),
    Trap(
        'static',
        'map_topic: ',
        'topic: ',
        'unread_topic',
        'from grid.topic',
        at='segmentation/costmap',
        also=('topics',),
        cure='map_topic in a layer with plugin: "nav2_costmap_2d::StaticLayer"',
    ),
    Trap(
        'static',
        '      inflation:\n',
        '      more: {labels_topic: /segmentation/label_info}  # HERE\n      inflation:\n',
        'unread_topic',
        'from more.labels_topic',
        cure='labels_topic in a source of a layer with plugin: "semantic_segmentation_layer::',
    ),
    Trap(
        'static',
        'plugins: [lidar, grid, inf',
        'plugins: [lidar, inf',
        'not_in_plugins',
        'grid is not in plugins',
        at='# LAYER',
    ),
    Trap(
        'obstacle',
        'sources: danger clear',
        'sources: clear',
        'source_not_listed',
        'danger is not in observation_sources',
        at='# SOURCE',
        also=('no_fail_safe',),
    ),
    Trap(
        'static',
        'map_topic: /seg',
        'map_topic: seg',
        'relative_topic',
        'means /local_costmap/segmentation/costmap on Humble and Jazzy, /segmentation/costmap '
        'from Kilted on',
        'warning',
        at='map_topic: seg',
    ),
    Trap(
        'obstacle',
        '/robot1/segmentation/points/danger',
        'segmentation/points/danger  # HERE',
        'relative_topic',
        'means /robot1/local_costmap/segmentation/points/danger on Humble and Jazzy, '
        '/robot1/segmentation/points/danger from Kilted on',
        'warning',
    ),
    Trap(
        'semantic',
        'labels_topic: /seg',
        'labels_topic: seg',
        'relative_topic',
        'segmentation/label_info is relative and means /local_costmap/segmentation/label_info',
        at='labels_topic',
    ),
]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert_found(trap, tmp_path)


def test_every_check_has_a_trap():
    assert_all_have_a_trap(CHECKS, TRAPS)


@pytest.mark.parametrize(
    ('node', 'below', 'above'),
    [
        ('/**/local_costmap', '/<robot>/<costmap>', '/<robot>'),
        # The namespace that it would have, if it were named as Nav2 names it.
        ('/robot1/local_costmap', '/robot1/local_costmap', '/robot1'),
    ],
)
def test_where_relative_topics_end(node, below, above, tmp_path):
    text = OBSTACLE.replace('/robot1/local_costmap/local_costmap', node)
    text = text.replace('/robot1/seg', 'seg')
    found = [f for f in check(tmp_path, text) if f.check == 'relative_topic']
    assert [f.line for f in found] == [11, 18]
    topic = 'segmentation/points/danger'
    says = f'means {below}/{topic} on Humble and Jazzy, {above}/{topic} from Kilted on'
    assert says in found[0].problem


def test_a_layer_of_a_default_name_needs_its_plugin_where_layers_are_listed(tmp_path):
    text = STATIC.replace('grid', 'static_layer')
    assert check(tmp_path, text) == ()
    (found,) = check(tmp_path, text.replace('        plugin: nav2_costmap_2d::StaticLayer\n', ''))
    assert found.check == 'unread_topic'
    assert 'static_layer has no plugin, so nothing reads /segmentation/costmap' in found.problem


def test_the_rest_of_a_layer_with_a_misspelled_plugin_is_checked_too(tmp_path):
    text = OBSTACLE.replace('::VoxelLayer', '/VoxelLayer').replace('rate: 1.0', 'rate: 0.0')
    assert [f.check for f in check(tmp_path, text)] == ['plugin_name', 'no_fail_safe']
