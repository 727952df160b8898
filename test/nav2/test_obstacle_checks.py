"""Traps of obstacle layers, and so of voxel layers."""

import pytest
from parameter_files import OBSTACLE, Trap, assert_all_have_a_trap, assert_found, check, own

from espnet_ros.nav2.obstacle_checks import CHECKS

TRAPS = [
    Trap(
        'obstacle',
        '      max_obstacle_height: 2.0\n      obs',
        '      max_obstacle_height: 0.0  # HERE\n      obs',
        'max_height',
        'is 0.0: points above',
    ),
    Trap(
        'obstacle',
        '        max_obstacle_height: 2.0\n',
        '',
        'max_height',
        '0.0 by default',
        at='# SOURCE',
    ),
    Trap(
        'obstacle',
        '      min_obstacle_height: -0.3\n      max',
        '      max',
        'min_height',
        '0.0 by default',
        at='# LAYER',
    ),
    Trap(
        'obstacle',
        '        min_obstacle_height: -0.3\n        max_obstacle_height: 0.3',
        '        min_obstacle_height: 0.0  # HERE\n        max_obstacle_height: 0.3',
        'min_height',
        '0.0: half of the points on the ground lie below it',
    ),
    Trap(
        'obstacle',
        '        min_obstacle_height: -0.3\n        max_obstacle_height: 0.3',
        '        min_obstacle_height: 0.1  # HERE\n        max_obstacle_height: 0.3',
        'min_height',
        '0.1: the points on the ground lie below it',
    ),
    Trap(
        'obstacle',
        '        data_type: PointCloud2\n        min',
        '        min',
        'data_type',
        'LaserScan by default',
        at='# SOURCE',
    ),
    Trap(
        'obstacle',
        'marking: false',
        'marking: true  # HERE',
        'marking_and_clearing',
        'clear makes free ground lethal',
    ),
    Trap(
        'obstacle',
        '        marking: false\n',
        '',
        'marking_and_clearing',
        'true by default',
        at='# CLEAR',
    ),
    Trap(
        'obstacle',
        'expected_update_rate: 1.0',
        'expected_update_rate: 1.0\n        marking: false  # HERE',
        'marking_and_clearing',
        'danger marks nothing',
    ),
    Trap(
        'obstacle',
        'sources: danger clear',
        'sources: danger  # HERE',
        'nothing_clears',
        'stay for ever',
        also=('source_not_listed',),
        cure='a source with topic: /robot1/segmentation/points/clear, marking: false',
    ),
    Trap(
        'obstacle',
        'raytrace_max_range: 6.0',
        'raytrace_max_range: 4.0  # HERE',
        'short_clearing',
        'danger marks up to 5 m, but nothing clears beyond 4 m',
        'warning',
    ),
    Trap(
        'obstacle',
        '        raytrace_max_range: 6.0\n',
        '',
        'short_clearing',
        'beyond 3 m',
        'warning',
        at='# CLEAR',
    ),
    Trap('obstacle', 'rate: 1.0', 'rate: 0.0  # HERE', 'no_fail_safe', 'drives on', 'warning'),
    Trap(
        'obstacle',
        '        expected_update_rate: 1.0\n',
        '',
        'no_fail_safe',
        '0.0 by default',
        'warning',
        at='# SOURCE',
    ),
    Trap(
        'obstacle',
        'rate: 1.0',
        'rate: 10.0  # HERE',
        'update_rate_is_a_time',
        'for 10 s',
        'warning',
    ),
    # At 10 masks a second, as by default.
    Trap(
        'obstacle',
        'rate: 1.0',
        'rate: 0.05  # HERE',
        'never_current',
        'expected_update_rate is 0.05 s, but clouds come every 0.1 s at best',
    ),
    Trap('obstacle', 'rate: 1.0', 'rate: -1.0  # HERE', 'never_current', 'is -1 s, but'),
    Trap(
        'obstacle',
        'max_range: 5.0',
        'max_range: 0.0  # HERE',
        'empty_range',
        'obstacle_min_range 0 is not below obstacle_max_range 0: danger marks nothing',
        cure='obstacle_max_range: 6.0',
    ),
    Trap(
        'obstacle',
        'max_range: 5.0',
        'max_range: 5.0\n        obstacle_min_range: 8.0  # HERE',
        'empty_range',
        'obstacle_min_range 8 is not below obstacle_max_range 5: danger marks nothing',
        cure='obstacle_min_range: 0.0',
    ),
    Trap(
        'obstacle',
        'raytrace_max_range: 6.0',
        'raytrace_max_range: 6.0\n        raytrace_min_range: 8.0  # HERE',
        'empty_range',
        'raytrace_min_range 8 is not below raytrace_max_range 6: clear clears nothing',
    ),
    Trap(
        'obstacle',
        '/robot1/local',
        own('{layers: {danger: {classes: [Road], cost: 60}}}') + '/robot1/local',
        'graded_layer',
        'the layer danger costs 60',
        at='topic: ',
        cure='a StaticLayer on /robot1/segmentation/layers/danger: ',
    ),
]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert_found(trap, tmp_path)


def test_every_check_has_a_trap():
    assert_all_have_a_trap(CHECKS, TRAPS)


def test_with_depth_a_least_height_above_the_greatest_drops_every_point(tmp_path):
    old = 'min_obstacle_height: -0.3\n        max_obstacle_height: 2.0'
    assert OBSTACLE.count(old) == 1
    depth = own('{projection: {source: depth}}')
    text = depth + OBSTACLE.replace(old, old.replace('-0.3', '2.5'))
    (found,) = check(tmp_path, text)
    assert found.check == 'empty_range'
    assert found.problem == (
        'min_obstacle_height 2.5 is not below max_obstacle_height 2: danger drops every point'
    )
    assert check(tmp_path, text.replace('2.5', '1.9')) == ()


def test_what_is_not_marked_does_not_become_lethal(tmp_path):
    graded = own('{layers: {danger: {classes: [Road], cost: 60}}}')
    text = graded + OBSTACLE.replace('rate: 1.0', 'rate: 1.0\n        marking: false')
    assert [f.check for f in check(tmp_path, text)] == ['marking_and_clearing']


@pytest.mark.parametrize(
    ('grid', 'seconds', 'expected'),
    [
        ('{update_rate: 4.0}', 0.25, ['never_current']),
        ('{update_rate: 4.0}', 0.26, []),
        # Two masks come within stale_after, however low the rate.
        ('{update_rate: 0.5, stale_after: 0.8}', 0.4, ['never_current']),
        ('{update_rate: 0.5, stale_after: 0.8}', 0.41, []),
        # Nor does more than is segmented come.
        ('{update_rate: 9.0}, input: {max_rate: 4.0}', 0.25, ['never_current']),
        ('{update_rate: 9.0}, input: {max_rate: 4.0}', 0.26, []),
        ('{update_rate: 4.0}, input: {max_rate: 9.0}', 0.25, ['never_current']),
        ('{stale_after: 0.8}, input: {max_rate: 0.5}', 0.41, []),
    ],
)
def test_the_time_between_clouds_follows_the_rates(grid, seconds, expected, tmp_path):
    text = own(f'{{grid: {grid}}}') + OBSTACLE.replace('rate: 1.0', f'rate: {seconds}')
    assert [f.check for f in check(tmp_path, text)] == expected


@pytest.mark.parametrize('rate', ['0.0', 'fast', '.nan'])
def test_a_rate_that_is_none_is_told_as_such(rate, tmp_path):
    found = check(tmp_path, own(f'{{grid: {{update_rate: {rate}}}}}') + OBSTACLE)
    assert [f.check for f in found] == ['parameters']
