"""Traps of a whole costmap."""

import pytest
from parameter_files import STATIC, Trap, assert_all_have_a_trap, assert_found, check

from espnet_ros.nav2.costmap_checks import CHECKS

TRAPS = [
    Trap(
        'static',
        'use_maximum: true',
        'use_maximum: false  # HERE',
        'overwritten',
        'grid overwrites lidar',
    ),
    Trap(
        'static',
        '      use_maximum: true\n',
        '',
        'overwritten',
        'false by default',
        at='# COSTMAP',
    ),
    Trap(
        'static',
        '[lidar, grid, inflation]\n',
        '[grid, lidar, inflation]\n      lidar.combination_method: 0  # HERE\n',
        'overwritten',
        'lidar overwrites grid',
    ),
    Trap(
        'static',
        '[lidar, grid, inflation]',
        '[lidar, inflation, grid]',
        'after_inflation',
        'after the inflation layer',
        at='# LAYER',
    ),
    Trap(
        'static',
        'transient_local: true',
        'transient_local: true\n        enabled: false  # HERE',
        'disabled',
        'grid is switched off',
        'warning',
    ),
    Trap(
        'static',
        'update_frequency: 10.0',
        'update_frequency: 10  # HERE',
        'wrong_type',
        'is 10, not a number with a point',
    ),
    Trap(
        'static',
        'transient_local: true',
        "transient_local: 'true'  # HERE",
        'wrong_type',
        "is 'true'",
    ),
    Trap(
        'obstacle',
        'sources: danger clear',
        'sources: [danger, clear]  # HERE',
        'wrong_type',
        'not one string',
    ),
    Trap(
        'semantic',
        'front\n',
        'front\n        combination_method: 0  # HERE\n',
        'overwritten',
        'semantic overwrites lidar',
    ),
]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert_found(trap, tmp_path)


def test_every_check_has_a_trap():
    assert_all_have_a_trap(CHECKS, TRAPS)


def test_two_layers_of_the_node_overwrite_each_other(tmp_path):
    text = STATIC.replace('[lidar, grid, inflation]', '[people, grid, inflation]')
    text = text.replace('use_maximum: true', 'use_maximum: false').replace(
        '      lidar:\n        plugin: nav2_costmap_2d::ObstacleLayer\n',
        '      people: {plugin: "nav2_costmap_2d::StaticLayer", '
        'map_topic: /segmentation/layers/people}\n',
    )
    found = check(tmp_path, text)
    assert [(f.check, f.line) for f in found] == [('overwritten', 12)]
    assert 'grid overwrites people' in found[0].problem


def test_a_static_layer_that_comes_first_may_overwrite(tmp_path):
    text = STATIC.replace('[lidar, grid, inflation]', '[grid, lidar, inflation]')
    assert check(tmp_path, text.replace('use_maximum: true', 'use_maximum: false')) == ()
