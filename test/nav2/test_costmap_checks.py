"""Traps of a whole costmap."""

import pytest
from parameter_files import (
    OBSTACLE,
    SEMANTIC,
    STATIC,
    Trap,
    assert_all_have_a_trap,
    assert_found,
    check,
    own,
)

from espnet_ros.nav2.costmap_checks import CHECKS, FOR_ALL

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
        'is 10, not a number with a decimal point',
    ),
    Trap(
        'static',
        'transient_local: true',
        "transient_local: 'true'  # HERE",
        'wrong_type',
        "is 'true'",
    ),
    Trap(
        'static',
        'update_frequency: 10.0',
        'update_frequency: .nan  # HERE',
        'wrong_type',
        'update_frequency is nan, not a number with a decimal point',
    ),
    Trap('obstacle', 'window: true', 'window: "yes"  # HERE', 'wrong_type', "is 'yes', not true"),
    Trap(
        'obstacle',
        'window: true',
        'window: true\n    width: abc  # HERE',
        'wrong_type',
        "width is 'abc', not a whole number",
    ),
    # In a layer that takes nothing of the node.
    Trap(
        'obstacle',
        'InflationLayer',
        'InflationLayer\n      inflation_radius: 1  # HERE',
        'wrong_type',
        'inflation.inflation_radius is 1, not a number with a decimal point',
    ),
    Trap(
        'obstacle',
        '[people_and_cars, inflation]',
        '[5, 6]  # HERE',
        'wrong_type',
        'plugins is [5, 6], not a list of strings',
        also=('not_in_plugins',),
    ),
    Trap(
        'obstacle',
        'window: true',
        'window: false  # HERE',
        'fixed_window',
        'rolling_window is false: the costmap stays at the origin of map',
        cure='rolling_window: true',
    ),
    Trap(
        'obstacle',
        '    rolling_window: true\n',
        '',
        'fixed_window',
        'false by default',
        at='# COSTMAP',
    ),
    Trap(
        'obstacle',
        'rolling_window: true',
        'rolling_window: false  # HERE\n    global_frame: robot1/odom\n    width: 10\n'
        '    height: 10',
        'fixed_window',
        'at the origin of robot1/odom',
    ),
    Trap(
        'obstacle',
        'window: true',
        'window: true\n    global_frame: base_link  # HERE',
        'frames',
        'global_frame is base_link: marked obstacles move along with the robot',
    ),
    Trap(
        'obstacle',
        'window: true',
        'window: true\n    robot_base_frame: odom  # HERE',
        'frames',
        'robot_base_frame is odom: to Nav2, the robot always stands at the origin of odom',
        cure='robot_base_frame: base_link',
    ),
    Trap(
        'obstacle',
        'window: true',
        'window: true\n    global_frame: start\n    robot_base_frame: start  # HERE',
        'frames',
        'at the origin of start',
    ),
    Trap(
        'obstacle',
        'window: true',
        'window: true\n    update_frequency: 0.0  # HERE',
        'never_updated',
        'update_frequency is 0.0: the costmap is never updated, and Nav2 does not start',
    ),
    Trap(
        'obstacle',
        'window: true',
        'window: true\n    width: 0  # HERE',
        'no_cells',
        'width is 0: the costmap has no cells',
    ),
    Trap(
        'obstacle',
        'window: true',
        'window: true\n    resolution: 6.0\n    width: 12\n    height: 3  # HERE',
        'no_cells',
        'height is 3: the costmap has no cells',
    ),
    Trap(
        'obstacle',
        'window: true',
        'window: true\n    resolution: 0.0  # HERE',
        'no_cells',
        'resolution is 0.0',
        cure='resolution: 0.1',
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
    Trap(
        'static',
        '[lidar, grid, inflation]',
        '[lidar, grid, noise, inflation]\n'
        '      noise: {plugin: "nav2_costmap_2d::DenoiseLayer"}  # HERE',
        'denoised',
        'minimal_group_size is 2 by default: noise clears smaller groups of lethal cells of grid,',
        'warning',
        cure='noise before grid in plugins, or minimal_group_size: 1',
    ),
    Trap(
        'obstacle',
        'VoxelLayer',
        'VoxelLayer\n      combination_method: 2  # HERE',
        'combination_method',
        'is 2: on Humble nothing of people_and_cars reaches the costmap',
        'warning',
        cure='combination_method: 1',
    ),
    Trap(
        'obstacle',
        'rolling_window: true',
        'rolling_window: true\n    track_unknown_space: true\n'
        '    people_and_cars.combination_method: 2  # HERE',
        'combination_method',
        'no layer before people_and_cars makes cells known: it marks nothing',
    ),
]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert_found(trap, tmp_path)


def test_every_check_has_a_trap():
    assert_all_have_a_trap([*CHECKS, *FOR_ALL], TRAPS)


@pytest.mark.parametrize(
    ('plugins', 'noise', 'layer', 'is_found'),
    [
        ('lidar, grid, noise, inflation', '', '', True),
        ('lidar, grid, noise, inflation', 'minimal_group_size: 3', '', True),
        ('lidar, grid, noise, inflation', 'minimal_group_size: 1', '', False),
        ('lidar, grid, noise, inflation', 'enabled: false', '', False),
        ('lidar, noise, grid, inflation', '', '', False),
        # Only lethal cells are cleared.
        ('lidar, grid, noise, inflation', '', 'grass', False),
        ('lidar, grid, noise, inflation', '', 'people', True),
    ],
)
def test_a_denoise_layer_clears_what_comes_before_it(tmp_path, plugins, noise, layer, is_found):
    text = STATIC.replace('[lidar, grid, inflation]', f'[{plugins}]').replace(
        '      inflation:\n',
        f'      noise: {{plugin: "nav2_costmap_2d::DenoiseLayer", {noise}}}\n      inflation:\n',
    )
    if layer:
        text = text.replace('segmentation/costmap', f'segmentation/layers/{layer}')
    layers = '{grass: {classes: [Tree], cost: 60}, people: {classes: [Car], cost: 100}}'
    found = check(tmp_path, own(f'{{layers: {layers}}}') + text)
    assert [f.check for f in found] == ['denoised'] * is_found


@pytest.mark.parametrize(('max_cost', 'is_found'), [(254, True), (253, True), (252, False)])
def test_a_denoise_layer_leaves_what_is_not_lethal_alone(tmp_path, max_cost, is_found):
    text = SEMANTIC.replace('[lidar, semantic]', '[lidar, semantic, noise]') + (
        '      noise: {plugin: "nav2_costmap_2d::DenoiseLayer"}\n'
    )
    found = check(tmp_path, text.replace('max_cost: 254', f'max_cost: {max_cost}'))
    assert [f.check for f in found if f.check == 'denoised'] == ['denoised'] * is_found


@pytest.mark.parametrize(
    ('source', 'marking', 'is_found'),
    [
        ('danger', 'true', True),
        ('danger', 'false', False),
        # That makes free ground lethal, which is a trap of its own.
        ('clear', 'true', False),
        ('clear', 'false', False),
    ],
)
def test_a_denoise_layer_leaves_a_layer_alone_that_marks_nothing(
    tmp_path, source, marking, is_found
):
    text = OBSTACLE.replace('cars, inflation]', 'cars, noise, inflation]').replace(
        'sources: danger clear', f'sources: {source}'
    )
    text = text.replace('        marking: false\n', '').replace(
        'data_type: PointCloud2', f'data_type: PointCloud2\n        marking: {marking}'
    )
    text += '    noise: {plugin: "nav2_costmap_2d::DenoiseLayer"}\n'
    found = check(tmp_path, text)
    assert [f.check for f in found if f.check == 'denoised'] == ['denoised'] * is_found


@pytest.mark.parametrize(
    ('first', 'method', 'severity'),
    [
        ('{plugin: nav2_costmap_2d::ObstacleLayer}', 2, 'warning'),
        ('{plugin: nav2_costmap_2d::ObstacleLayer, enabled: false}', 2, 'error'),
        ('{plugin: nav2_costmap_2d::DenoiseLayer}', 2, 'error'),
        # From Jazzy on taken for 1.
        ('{plugin: nav2_costmap_2d::DenoiseLayer}', 3, 'warning'),
    ],
)
def test_what_is_unknown_depends_on_the_layers_before(tmp_path, first, method, severity):
    text = OBSTACLE.replace('[people', '[first, people').replace(
        'rolling_window: true',
        f'rolling_window: true\n    track_unknown_space: true\n    first: {first}\n'
        f'    people_and_cars.combination_method: {method}',
    )
    (found,) = check(tmp_path, text)
    assert (found.check, found.severity) == ('combination_method', severity)


def test_a_container_of_layers_starts_unknown(tmp_path):
    old = OBSTACLE[OBSTACLE.index('    people_and_cars:') : OBSTACLE.index('    inflation:')]
    inner = ''.join(f'  {line}\n' for line in old.splitlines())
    text = OBSTACLE.replace('[people_and_cars', '[lidar, both').replace(
        old,
        '    lidar: {plugin: nav2_costmap_2d::ObstacleLayer}\n    both:\n'
        '      plugin: nav2_costmap_2d::PluginContainerLayer\n      plugins: [people_and_cars]\n'
        + inner,
    )
    assert check(tmp_path, text) == ()
    inside = text.replace('VoxelLayer', 'VoxelLayer\n        combination_method: 2')
    (found,) = check(tmp_path, inside)
    assert (found.check, found.severity) == ('combination_method', 'error')
    # The container itself finds what the lidar knows.
    around = text.replace('ContainerLayer', 'ContainerLayer\n      combination_method: 2')
    assert check(tmp_path, around) == ()
    tracks = 'rolling_window: true\n    track_unknown_space: true'
    alone = around.replace('rolling_window: true', tracks).replace('[lidar, both', '[both')
    (found,) = check(tmp_path, alone)
    assert (found.check, found.severity) == ('combination_method', 'error')
    assert 'no layer before both makes cells known' in found.problem
    # What a container overwrites counts as if its layers were there themselves.
    zero = text.replace('ContainerLayer', 'ContainerLayer\n      combination_method: 0')
    (found,) = check(tmp_path, zero)
    assert (found.check, found.severity) == ('overwritten', 'error')
    assert 'both overwrites lidar' in found.problem


def test_a_denoise_layer_before_the_grid_has_nothing_to_be_overwritten(tmp_path):
    noise = '      noise: {plugin: nav2_costmap_2d::DenoiseLayer}\n      inflation:\n'
    text = STATIC.replace('      use_maximum: true\n', '').replace('      inflation:\n', noise)
    assert check(tmp_path, text.replace('[lidar, grid,', '[noise, grid,')) == ()
    (found,) = check(tmp_path, text.replace('[lidar, grid,', '[noise, lidar, grid,'))
    assert found.check == 'overwritten' and 'grid overwrites lidar,' in found.problem


def test_a_denoise_layer_in_a_container_sees_the_layers_in_there(tmp_path):
    text = STATIC.replace('[lidar, grid, inflation]', '[grid, both, inflation]').replace(
        '      inflation:\n',
        '      both:\n        plugin: nav2_costmap_2d::PluginContainerLayer\n'
        '        plugins: [noise]\n        noise.plugin: nav2_costmap_2d::DenoiseLayer\n'
        '      inflation:\n',
    )
    assert check(tmp_path, text) == ()
    moved = text.replace('[grid, both', '[both').replace('[noise]', '[grid, noise]')
    start, end = moved.index('      grid:'), moved.index('      both:')
    grid = ''.join(f'  {line}\n' for line in moved[start:end].splitlines())
    moved = moved[:start] + moved[end:].replace('        noise.', f'{grid}        noise.')
    assert [f.check for f in check(tmp_path, moved)] == ['denoised']


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


MAP = '    global_map:\n      plugin: nav2_costmap_2d::StaticLayer\n'


@pytest.mark.parametrize(
    'lines',
    [
        # A global costmap with its map, which gives it its size.
        f'plugins: [global_map, people_and_cars, inflation]\n{MAP}',
        f'plugins: [global_map, people_and_cars, inflation]\n    width: 0\n{MAP}',
        # A place that was meant: in the map, or with its origin.
        'width: 60\n    height: 40',
        'global_frame: odom\n    width: 60\n    height: 40\n    origin_x: -30.0',
    ],
)
def test_a_costmap_that_is_fixed_on_purpose(lines, tmp_path):
    text = OBSTACLE.replace('rolling_window: true', f'rolling_window: false\n    {lines}')
    if 'plugins' in lines:
        text = text.replace('    plugins: [people_and_cars, inflation]\n', '')
    assert check(tmp_path, text) == ()


def test_a_rolling_costmap_keeps_its_own_size_whatever_map_it_shows(tmp_path):
    text = OBSTACLE.replace('[people_and_cars,', '[global_map, people_and_cars,') + MAP
    assert check(tmp_path, text) == ()
    bad = text.replace('window: true', 'window: true\n    width: 0')
    assert [(f.check, f.line) for f in check(tmp_path, bad)] == [('no_cells', 4)]


def test_frames_that_launch_fills_in_are_not_judged(tmp_path):
    text = OBSTACLE.replace(
        'window: true',
        'window: true\n    global_frame: $(var odom)\n    robot_base_frame: $(var base)',
    )
    assert check(tmp_path, text) == ()


@pytest.mark.parametrize('number', ['1e1', '1.0e1', '2.', '.inf'])
def test_numbers_that_ros_takes_for_doubles(number, tmp_path):
    text = STATIC.replace('update_frequency: 10.0', f'update_frequency: {number}')
    assert 'wrong_type' not in {f.check for f in check(tmp_path, text)}


def test_values_of_other_costmaps_have_types_too(tmp_path):
    other = 'global_costmap:\n  global_costmap:\n    ros__parameters: {width: abc}\n'
    for text in (other, STATIC + other):
        (found,) = check(tmp_path, text)
        assert (found.check, found.line) == ('wrong_type', text.count('\n'))


@pytest.mark.parametrize(
    ('plugin', 'expected'),
    [
        ('nav2_costmap_2d::VoxelLayer', ['wrong_type']),
        # Whose parameter of that name is a double.
        ('nav2_costmap_2d::RangeSensorLayer', []),
        ('somebody_elses::Layer', []),
    ],
)
def test_a_type_is_that_of_the_plugin(plugin, expected, tmp_path):
    text = STATIC.replace(
        'nav2_costmap_2d::ObstacleLayer', f'{plugin}\n        mark_threshold: 0.8'
    )
    assert [f.check for f in check(tmp_path, text)] == expected
