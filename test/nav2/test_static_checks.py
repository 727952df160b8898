"""Traps of static layers."""

import pytest
from parameter_files import STATIC, Trap, assert_all_have_a_trap, assert_found, check, own

from espnet_ros.nav2.static_checks import CHECKS

TRAPS = [
    Trap(
        'static',
        'trinary_costmap: false',
        'trinary_costmap: true  # HERE',
        'trinary_costmap',
        'trinary_costmap is true: every cost of grid',
    ),
    Trap(
        'static',
        '      trinary_costmap: false\n',
        '',
        'trinary_costmap',
        'true by default',
        at='# COSTMAP',
    ),
    Trap(
        'static',
        'transient_local: true',
        'transient_local: false  # HERE',
        'volatile_map',
        'volatile',
    ),
    Trap(
        'static',
        'rolling_window: true',
        'rolling_window: false  # HERE',
        'non_rolling',
        'rolling_window is false: each grid of grid resizes',
    ),
    Trap(
        'static',
        '      rolling_window: true\n',
        '',
        'non_rolling',
        'false by default',
        at='# COSTMAP',
    ),
    Trap(
        'static',
        'global_frame: odom',
        'global_frame: map  # HERE',
        'wrong_frame',
        'global_frame is map, but the grid of grid is in odom',
    ),
    Trap(
        'static', '      global_frame: odom\n', '', 'wrong_frame', 'map by default', at='# COSTMAP'
    ),
    Trap(
        'static',
        'controller_server:',
        own('{grid: {frame: map}}') + 'controller_server:',
        'wrong_frame',
        'is in map',
        at='global_frame: odom',
    ),
    Trap(
        'static',
        'use_maximum: true',
        'use_maximum: true\n      resolution: 0.2  # HERE',
        'coarse_costmap',
        'resolution is 0.2, but the cells of grid are 0.1 m by default',
        'warning',
        cure='resolution: 0.1, or grid.resolution: 0.2 in the node',
    ),
    Trap(
        'static',
        'controller_server:',
        own('{grid: {resolution: 0.05}}') + 'controller_server:',
        'coarse_costmap',
        'resolution is 0.1 by default, but the cells of grid are 0.05 m',
        at='# COSTMAP',
    ),
    Trap(
        'static',
        'track_unknown_space: false',
        'track_unknown_space: true  # HERE',
        'unknown_beats_lethal',
        'wins over the obstacles',
    ),
    Trap(
        'static',
        'use_maximum: true',
        'use_maximum: true\n      lethal_cost_threshold: 65  # HERE',
        'special_values',
        'lethal_cost_threshold is 65',
    ),
    Trap(
        'static',
        'use_maximum: true',
        'use_maximum: true\n      unknown_cost_value: 50  # HERE',
        'special_values',
        'unknown_cost_value is 50',
    ),
    Trap(
        'static',
        'use_maximum: true',
        'use_maximum: true\n      inscribed_obstacle_cost_value: 60  # HERE',
        'special_values',
        'becomes an inscribed obstacle',
    ),
    Trap(
        'static',
        'update_frequency: 10.0',
        'update_frequency: 5.0  # HERE',
        'slow_update',
        'controller_server stalls',
        'warning',
    ),
    Trap(
        'static',
        '      update_frequency: 10.0\n',
        '',
        'slow_update',
        '5.0 by default',
        'warning',
        at='# COSTMAP',
    ),
    Trap(
        'static',
        'update_frequency: 10.0',
        'update_frequency: 3.0  # HERE',
        'slow_update',
        'gives up waiting for grid (0.3 s)',
    ),
    Trap(
        'static', 'timeout: 0.3', 'timeout: 0.1', 'slow_update', 'gives up', at='update_frequency'
    ),
    Trap(
        'static',
        'transient_local: true',
        'transient_local: true\n        subscribe_to_updates: true  # HERE',
        'no_updates',
        'no updates',
        'warning',
    ),
    Trap(
        'static',
        'controller_server:',
        own('{grid: {on_stale: unknown}}') + 'controller_server:',
        'stale_is_free',
        'grid.on_stale of the node segmentation is unknown',
        at='map_topic',
    ),
    Trap(
        'static',
        'controller_server:',
        own('{grid: {on_stale: hold}}') + 'controller_server:',
        'stale_is_free',
        'keeps the last grid',
        at='map_topic',
    ),
    Trap(
        'static',
        STATIC[STATIC.index('grid:') : STATIC.index('        map_sub')],
        'map_topic: /segmentation/costmap  # HERE\n      grid:\n'
        '        plugin: nav2_costmap_2d::StaticLayer\n',
        'map_topic_of_costmap',
        'only Humble and Jazzy',
    ),
]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert_found(trap, tmp_path)


def test_every_check_has_a_trap():
    assert_all_have_a_trap(CHECKS, TRAPS)


def test_the_global_costmap_answers_to_the_planner(tmp_path):
    text = STATIC.replace('local_costmap', 'global_costmap').replace('10.0', '1.0')
    (found,) = check(tmp_path, text)
    assert (found.check, found.severity, found.line) == ('slow_update', 'error', 7)
    assert 'planner_server gives up waiting for grid (1 s)' in found.problem


@pytest.mark.parametrize(
    ('own_parameters', 'advised'),
    [
        # Twice the grids, of which there are 5 a second by default.
        ('{autostart: false}', '10.0'),
        ('{grid.publish_rate: 4.0}', '8.0'),
        # Twice the least that controller_server waits for: 2 / 0.3 s.
        ('{grid.publish_rate: 2.0}', '6.7'),
    ],
)
def test_the_advised_rate_is_twice_what_is_needed(tmp_path, own_parameters, advised):
    slow = STATIC.replace('update_frequency: 10.0', 'update_frequency: 3.0')
    (found,) = check(tmp_path, own(own_parameters) + slow)
    assert (found.check, found.severity) == ('slow_update', 'error')
    assert found.cure == f'update_frequency: {advised}, or no StaticLayer here'


def test_a_server_that_does_not_wait_never_gives_up(tmp_path):
    text = STATIC.replace('costmap_update_timeout: 0.3', 'costmap_update_timeout: 0.0')
    assert check(tmp_path, text.replace('update_frequency: 10.0', 'update_frequency: 1.0')) == ()


def test_a_rate_that_launch_fills_in_is_taken_as_the_default(tmp_path):
    grid = own('{grid.publish_rate: $(var rate)}')
    assert check(tmp_path, grid + STATIC) == ()
    # Less than twice 5 a second, but more than controller_server waits for.
    slow = STATIC.replace('update_frequency: 10.0', 'update_frequency: 9.0')
    assert [f.check for f in check(tmp_path, grid + slow)] == ['slow_update']


def test_nav2_tracks_no_unknown_space_by_default(tmp_path):
    line = '      track_unknown_space: false\n'
    assert STATIC.count(line) == 1
    assert check(tmp_path, STATIC.replace(line, '')) == ()


def test_by_default_no_maximum_is_taken_so_unknown_beats_nothing(tmp_path):
    # The grid comes first, so that it overwrites nothing.
    text = STATIC.replace('[lidar, grid,', '[grid, lidar,')
    text = text.replace('track_unknown_space: false', 'track_unknown_space: true')
    assert check(tmp_path, text.replace('      use_maximum: true\n', '')) == ()


@pytest.mark.parametrize(
    ('given', 'topic', 'is_found'),
    [
        # The node then has one layer, which is lethal or free: nothing of it is lost.
        ('{autostart: false}', 'costmap', False),
        ('{autostart: false}', 'layers/obstacles', False),
        # Perhaps it gets that one from a file that nobody has shown.
        ('{autostart: false}', 'layers/grass', True),
        ('{layers: {grass: {classes: [Tree], cost: 60}}}', 'costmap', True),
        ('{layers: {people: {classes: [Car], cost: 100}}}', 'costmap', False),
    ],
)
def test_a_trinary_costmap_loses_nothing_of_layers_that_are_lethal(
    tmp_path, given, topic, is_found
):
    text = own(given) + STATIC.replace('trinary_costmap: false', 'trinary_costmap: true')
    found = check(tmp_path, text.replace('segmentation/costmap', f'segmentation/{topic}'))
    assert [f.check for f in found] == ['trinary_costmap'] * is_found


@pytest.mark.parametrize(
    ('grid_m', 'costmap_m', 'rolls', 'expected'),
    [
        (0.05, 0.05, True, []),
        # Each cell of the grid comes into several of the costmap.
        (0.1, 0.05, True, []),
        (0.09, 0.1, True, ['coarse_costmap']),
        # Nav2 gives a costmap that does not roll the grid's cells, which is another trap.
        (0.05, 0.1, False, ['non_rolling']),
    ],
)
def test_the_costmap_must_be_as_fine_as_the_grid(tmp_path, grid_m, costmap_m, rolls, expected):
    text = STATIC.replace('use_maximum: true', f'use_maximum: true\n      resolution: {costmap_m}')
    text = text.replace('rolling_window: true', f'rolling_window: {str(rolls).lower()}')
    found = check(tmp_path, own(f'{{grid: {{resolution: {grid_m}}}}}') + text)
    assert [f.check for f in found] == expected


def test_of_several_robots_any_may_have_the_grid(tmp_path):
    robots = ''.join(
        f'/robot{n}/segmentation:\n  ros__parameters: {{grid: {{resolution: {side_m}}}}}\n'
        for n, side_m in ((1, 0.1), (2, 0.05))
    )
    assert check(tmp_path, robots + STATIC) == ()
    coarse = STATIC.replace('use_maximum: true', 'use_maximum: true\n      resolution: 0.2')
    (found,) = check(tmp_path, robots + coarse)
    assert (found.check, found.severity) == ('coarse_costmap', 'error')


@pytest.mark.parametrize(
    ('key', 'value', 'is_found'),
    [
        ('lethal_cost_threshold', 150, False),
        ('lethal_cost_threshold', 99, True),
        ('lethal_cost_threshold', -1, True),
        ('unknown_cost_value', -1, False),
        ('unknown_cost_value', 254, True),
    ],
)
def test_values_are_taken_as_nav2_takes_them(tmp_path, key, value, is_found):
    text = STATIC.replace('use_maximum: true', f'use_maximum: true\n      {key}: {value}')
    assert [f.check for f in check(tmp_path, text)] == ['special_values'] * is_found


@pytest.mark.parametrize('value', ['.inf', '.nan', 'word'])
def test_what_is_no_number_of_nav2_is_a_wrong_type_alone(tmp_path, value):
    line = f'unknown_cost_value: {value}'
    text = STATIC.replace('use_maximum: true', f'use_maximum: true\n      {line}')
    assert [f.check for f in check(tmp_path, text)] == ['wrong_type']
