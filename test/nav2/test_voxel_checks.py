"""Traps of voxel layers beside those of obstacle layers."""

import pytest
from parameter_files import OBSTACLE, Trap, assert_all_have_a_trap, assert_found, check, own

from espnet_ros.nav2.voxel_checks import CHECKS

TRAPS = [
    Trap(
        'obstacle',
        'VoxelLayer',
        'VoxelLayer\n      z_resolution: 0.05  # HERE',
        'voxels_too_low',
        'the voxels end at 0.5 m, below max_obstacle_height 2',
        'warning',
    ),
    Trap(
        'obstacle',
        'VoxelLayer',
        'VoxelLayer\n      z_voxels: 40\n      z_resolution: 0.05  # HERE',
        'voxels_too_low',
        'the voxels end at 0.8 m (16 voxels are the maximum), below max_obstacle_height 2',
        'warning',
    ),
    Trap(
        'obstacle',
        'VoxelLayer',
        'VoxelLayer\n      mark_threshold: 1  # HERE',
        'mark_threshold',
        'cells need 2 marked voxels, but without depth all points of a thing are in one',
        cure='mark_threshold: 0',
    ),
]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert_found(trap, tmp_path)


def test_every_check_has_a_trap():
    assert_all_have_a_trap(CHECKS, TRAPS)


def test_a_mark_threshold_may_be_for_the_sensor_that_marks(tmp_path):
    text = OBSTACLE.replace('VoxelLayer', 'VoxelLayer\n      mark_threshold: 2')
    start, end = text.index('      danger:'), text.index('      clear:')
    lidar = '      lidar: {topic: /scan, data_type: LaserScan}\n'
    text = (text[:start] + lidar + text[end:]).replace('danger clear', 'lidar clear')
    assert 'mark_threshold' not in [f.check for f in check(tmp_path, text)]


def test_with_depth_a_mark_threshold_loses_what_is_low(tmp_path):
    text = OBSTACLE.replace('VoxelLayer', 'VoxelLayer\n      mark_threshold: 1')
    (found,) = check(tmp_path, own('{projection: {source: depth}}') + text)
    assert (found.check, found.severity) == ('mark_threshold', 'warning')
    assert 'obstacles too low for that' in found.problem
    # An ObstacleLayer has no voxels.
    assert check(tmp_path, text.replace('VoxelLayer', 'ObstacleLayer')) == ()
