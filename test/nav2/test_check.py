"""Files as a whole: names, patterns, containers, order of findings."""

from pathlib import Path

import pytest
from parameter_files import GOOD, OBSTACLE, STATIC, check, own

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import CAMVID
from espnet_ros.nav2.check import check_file


@pytest.mark.parametrize('name', GOOD)
def test_a_good_file_has_no_trap(name, tmp_path):
    assert check(tmp_path, GOOD[name]) == ()


TRINARY = ('trinary_costmap: false', 'trinary_costmap: true')
H = '        max_obstacle_height: 2.0\n'
DEPTH = own('{projection: {source: depth}}')
LETHAL = own('{layers: {a: {classes: [Car], cost: 100}, b: {classes: [Road], cost: 0}}}')
GRADED = own('{layers: {a: {classes: [Car], cost: 100}, b: {classes: [Road], cost: 60}}}')


@pytest.mark.parametrize(
    ('before', 'name', 'edits'),
    [
        # nav2_bringup's own form for several robots, and what launch fills in.
        ('', 'static', [('map_topic: /seg', 'map_topic: <robot_namespace>/seg')]),
        ('', 'static', [('map_topic: /seg', 'map_topic: $(var namespace)/seg')]),
        # Nothing is lost where every cost is 0 or 100.
        (LETHAL, 'static', [TRINARY]),
        (GRADED, 'static', [TRINARY, ('tion/costmap', 'tion/layers/a')]),
        # With depth, what stands has a height of its own.
        (
            DEPTH,
            'obstacle',
            [
                ('2d::VoxelLayer\n      min_obstacle_height: -0.3\n', '2d::VoxelLayer\n'),
                ('        min_obstacle_height: -0.3\n        max_obstacle_height: 2.0\n', H),
            ],
        ),
        (DEPTH, 'managed', [('      min_height: -0.3\n', ''), ('clear\n', 'people\n')]),
        # A costmap as a component, and a layer of another package.
        ('', 'obstacle', [('/robot1/local_costmap/local_costmap:', '/robot1/costmap:')]),
        ('', 'obstacle', [('nav2_costmap_2d::VoxelLayer', 'spatio_temporal_voxel_layer/STVL')]),
    ],
)
def test_no_false_alarm(before, name, edits, tmp_path):
    text = GOOD[name]
    for old, new in edits:
        assert text.count(old) == 1
        text = text.replace(old, new)
    assert check(tmp_path, before + text) == ()


def test_a_trinary_costmap_loses_the_costs_of_any_layer(tmp_path):
    found = check(tmp_path, GRADED + STATIC.replace(*TRINARY))
    assert [f.check for f in found] == ['trinary_costmap']


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ('local_costmap:\n  local_costmap:  # COSTMAP\n', '/**:\n'),
        ('local_costmap:\n  local_costmap:  # COSTMAP\n', '/**/local_costmap:\n'),
        ('local_costmap:\n  local_costmap:', 'robot1:\n local_costmap:\n  local_costmap:'),
        ('local_costmap:\n  local_costmap:', '/robot1/:\n  local_costmap/local_costmap:'),
    ],
)
def test_names_of_the_costmap(old, new, tmp_path):
    assert old in STATIC
    text = STATIC.replace(old, new)
    assert check(tmp_path, text) == ()
    bad = text.replace('trinary_costmap: false', 'trinary_costmap: true')
    assert [f.check for f in check(tmp_path, bad)] == ['trinary_costmap']


def test_what_a_pattern_gives_counts_for_the_costmap_once(tmp_path):
    pattern = '/**:\n  ros__parameters:\n    trinary_costmap: false\n'
    text = STATIC.replace('      trinary_costmap: false\n', '')
    assert check(tmp_path, pattern + text) == ()
    wrong = pattern.replace('false', 'true')
    assert [(f.check, f.line) for f in check(tmp_path, wrong + text)] == [('trinary_costmap', 3)]
    # The last one counts, and the costmap comes after the pattern.
    assert check(tmp_path, wrong + STATIC) == ()


def test_a_type_of_a_layer_is_enough_to_tell_a_costmap(tmp_path):
    layer = STATIC[STATIC.index('      grid:') : STATIC.index('      inflation:')]
    text = f'maps:\n  maps:  # COSTMAP\n    ros__parameters:\n{layer}'
    found = {f.check: f.line for f in check(tmp_path, text)}
    assert found['not_in_plugins'] == 4


def test_a_costmap_may_get_the_names_of_its_layers_from_a_pattern(tmp_path):
    layer = STATIC[STATIC.index('      grid:') : STATIC.index('      inflation:')]
    pattern = '/**:\n  ros__parameters:\n    plugins: [grid]\n    global_frame: odom\n'
    text = f'{pattern}maps:\n  maps:\n    ros__parameters:\n{layer}'
    found = check(tmp_path, text)
    assert {f.parameter.partition(':')[0] for f in found} == {'/maps/maps'}


def test_a_node_without_layers_is_no_costmap(tmp_path):
    mapper = '{global_frame: base_link, update_frequency: 0.0, map_topic: /segmentation/costmap}'
    assert check(tmp_path, f'mapper: {{ros__parameters: {mapper}}}\n') == ()


def test_dotted_names_are_names(tmp_path):
    text = (
        OBSTACLE.replace('        expected_update_rate: 1.0\n', '')
        + '    people_and_cars.danger.expected_update_rate: 0.0\n'
    )
    (found,) = check(tmp_path, text)
    assert (found.check, found.line) == ('no_fail_safe', text.count('\n'))


def test_layers_in_a_container_are_checked_apart_from_those_outside(tmp_path):
    inner = STATIC[STATIC.index('      grid:') : STATIC.index('      inflation:')]
    container = '      box:\n        plugin: nav2_costmap_2d::PluginContainerLayer\n'
    container += '        plugins: [grid]\n' + inner.replace('\n  ', '\n    ').replace(
        '      grid', '        grid'
    )
    text = STATIC.replace(inner, container).replace('[lidar, grid,', '[lidar, box,')
    # In its container the grid comes first, so that it overwrites nothing.
    assert check(tmp_path, text.replace('use_maximum: true', 'use_maximum: false')) == ()
    bad = text.replace('transient_local: true', 'transient_local: false')
    assert [f.check for f in check(tmp_path, bad)] == ['volatile_map']
    assert [f.parameter for f in check(tmp_path, bad)] == [
        '/local_costmap/local_costmap: box.grid.map_subscribe_transient_local'
    ]


def test_what_launch_fills_in_is_not_judged(tmp_path):
    text = STATIC.replace('global_frame: odom', 'global_frame: $(var frame)')
    text = text.replace('trinary_costmap: false', 'trinary_costmap: TRINARY')
    assert check(tmp_path, text) == ()


def test_findings_come_by_line_and_the_file_of_the_layers_last(tmp_path):
    path, layers = tmp_path / 'nav2_params.yaml', tmp_path / 'layers.yaml'
    text = STATIC.replace('true', 'false').replace('segmentation/costmap', 'segmentation/layers/x')
    path.write_text(text, encoding='utf-8')
    layers.write_text(
        '/**/segmentation:\n  ros__parameters:\n    layers:\n'
        '      people: {classes: [person], cost: 99}\n',
        encoding='utf-8',
    )
    found = check_file(path, CAMVID, layers=layers).findings
    assert [(Path(f.file).name, f.line, f.check) for f in found] == [
        ('nav2_params.yaml', 9, 'non_rolling'),
        ('nav2_params.yaml', 12, 'overwritten'),
        ('nav2_params.yaml', 18, 'topics'),
        ('nav2_params.yaml', 19, 'volatile_map'),
        ('layers.yaml', 4, 'layers'),
        ('layers.yaml', 4, 'layers'),
    ]


def test_a_file_of_layers_must_be_the_nodes(tmp_path):
    path, other = tmp_path / 'nav2_params.yaml', tmp_path / 'other.yaml'
    path.write_text(STATIC, encoding='utf-8')
    other.write_text('amcl: {ros__parameters: {alpha1: 0.2}}', encoding='utf-8')
    with pytest.raises(ParameterError, match='expected parameters of the node segmentation'):
        check_file(path, CAMVID, layers=other)
