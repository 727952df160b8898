"""Which plugin a name is, or is misspelled from."""

import pytest

from espnet_ros.nav2.plugins import nearest_plugin, plugin_meant


@pytest.mark.parametrize(
    ('text', 'meant'),
    [
        ('nav2_costmap_2d::StaticLayer', 'StaticLayer'),
        ('nav2_costmap_2d/StaticLayer', 'StaticLayer'),
        ('nav2_costmap_2d::Staticlayer', 'StaticLayer'),
        ('nav2_costmap_2d::ObstacleLayers', 'ObstacleLayer'),
        ('nav2_costmap_2d::Obstacle', 'ObstacleLayer'),
        ('nav2_costmap2d::VoxelLayer', 'VoxelLayer'),
        ('StaticLayer', 'StaticLayer'),
        ('nav2_costmap_2d::LegacyInflationLayer', 'LegacyInflationLayer'),
    ],
)
def test_plugins_of_nav2(text, meant):
    assert plugin_meant(text) == f'nav2_costmap_2d::{meant}'


@pytest.mark.parametrize(
    'text',
    [
        '',
        'spatio_temporal_voxel_layer/SpatioTemporalVoxelLayer',
        'my_layers::ObstacleLayer',
        'nav2_costmap_2d::SomethingNew',
        '$(var plugin)',
    ],
)
def test_plugins_of_others(text):
    assert plugin_meant(text) == ''


def test_the_nearest_is_by_its_class():
    assert nearest_plugin('my_layers/ObstacleLayers') == 'nav2_costmap_2d::ObstacleLayer'
