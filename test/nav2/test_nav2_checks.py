"""Every trap: a bad parameter file, where it is found, and the good one beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import CAMVID
from espnet_ros.nav2.check import CHECKS, check_file
from espnet_ros.nav2.views import Finding

# Nothing is found in these. A trap is one edit; HERE marks the line where it must be found.
STATIC = """\
controller_server:
  ros__parameters:
    costmap_update_timeout: 0.3
local_costmap:
  local_costmap:  # COSTMAP
    ros__parameters:
      update_frequency: 10.0
      global_frame: odom
      rolling_window: true
      trinary_costmap: false
      track_unknown_space: false
      use_maximum: true
      plugins: [lidar, grid, inflation]
      lidar:
        plugin: nav2_costmap_2d::ObstacleLayer
      grid:  # LAYER
        plugin: nav2_costmap_2d::StaticLayer
        map_topic: /segmentation/costmap
        map_subscribe_transient_local: true
      inflation:
        plugin: nav2_costmap_2d::InflationLayer
"""
OBSTACLE = """\
/robot1/local_costmap/local_costmap:
  ros__parameters:
    plugins: [people_and_cars, inflation]
    people_and_cars:  # LAYER
      plugin: nav2_costmap_2d::VoxelLayer
      min_obstacle_height: -0.3
      max_obstacle_height: 2.0
      observation_sources: danger clear
      danger:  # SOURCE
        topic: /robot1/segmentation/points/danger
        data_type: PointCloud2
        min_obstacle_height: -0.3
        max_obstacle_height: 2.0
        obstacle_max_range: 5.0
        expected_update_rate: 1.0
      clear:  # CLEAR
        topic: /robot1/segmentation/points/clear
        data_type: PointCloud2
        marking: false
        clearing: true
        min_obstacle_height: -0.3
        max_obstacle_height: 0.3
        raytrace_max_range: 6.0
    inflation:
      plugin: nav2_costmap_2d::InflationLayer
"""
SEMANTIC = """\
local_costmap:
  local_costmap:
    ros__parameters:
      plugins: [lidar, semantic]
      lidar:
        plugin: nav2_costmap_2d::ObstacleLayer
      semantic:
        plugin: semantic_segmentation_layer::SemanticSegmentationLayer
        observation_sources: front
        front:  # SOURCE
          segmentation_topic: /segmentation/nav/mask
          confidence_topic: /segmentation/nav/confidence
          labels_topic: /segmentation/label_info
          pointcloud_topic: /segmentation/nav/points
          class_types: [free, danger]
          free:
            classes: [Road, Pavement]
            max_cost: 0
          danger:  # TYPE
            classes: [Pedestrian, Bicyclist, Car, Building, Pole, Tree, SignSymbol, Fence]
            base_cost: 200
            max_cost: 254
            mark_confidence: 128
"""
MANAGED = """\
lifecycle_manager_segmentation:
  ros__parameters:
    bond_timeout: 0.0
    node_names: [segmentation]
/**/segmentation:
  ros__parameters:
    autostart: false
    grid:
      frame: odom
    layers:
      people:  # LAYER
        classes: [Pedestrian]
        cost: 100
        min_probability: 0.3
collision_monitor:
  ros__parameters:
    observation_sources: [people]
    people:  # SOURCE
      type: pointcloud
      topic: /segmentation/points/people
      min_height: -0.3
"""
GOOD = {'static': STATIC, 'obstacle': OBSTACLE, 'semantic': SEMANTIC, 'managed': MANAGED}


@dataclass(frozen=True)
class Trap:
    """One edit of a good file.

    :param says: words that the finding must have.
    :param at: words of the line where it must be found.
    :param also: checks that find something else in the same edit.
    """

    base: str
    old: str
    new: str
    check: str
    says: str
    severity: str = 'error'
    at: str = '# HERE'
    also: tuple[str, ...] = ()


def own(text: str) -> str:
    return f'segmentation:\n  ros__parameters: {text}\n'


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
        'track_unknown_space: false',
        'track_unknown_space: true  # HERE',
        'unknown_beats_lethal',
        'wins over the obstacles',
    ),
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
    Trap(
        'static',
        'map_topic: /seg',
        'map_topic: seg',
        'relative_topic',
        'means /local_costmap/segmentation/costmap on Humble',
        at='map_topic: seg',
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
        'static',
        'segmentation/costmap',
        'segmentation/cost_map  # HERE',
        'topics',
        '/segmentation/cost_map: the node segmentation has no such output',
    ),
    Trap(
        'static',
        'segmentation/costmap',
        'segmentation/mask  # HERE',
        'topics',
        'is sensor_msgs/Image, not what map_topic takes',
    ),
    Trap(
        'static',
        'use_maximum: true',
        'use_maximum: true\n      use_maximum: true  # HERE',
        'duplicate_keys',
        'given in line 12 already',
        'warning',
    ),
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
        'half of the points',
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
        'stays for ever',
        also=('source_not_listed',),
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
        'obstacle',
        'sources: danger clear',
        'sources: [danger, clear]  # HERE',
        'wrong_type',
        'not one string',
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
        '/robot1/local',
        own('{layers: {danger: {classes: [Road], cost: 60}}}') + '/robot1/local',
        'graded_layer',
        'the layer danger costs 60',
        at='topic: ',
    ),
    Trap(
        'obstacle',
        '/robot1/local',
        own('{layers: {dangers: {classes: [Car], cost: 100}}}') + '/robot1/local',
        'topics',
        'the node has no layer danger',
        at='topic: ',
    ),
    Trap(
        'semantic',
        '          class_types: [free, danger]\n',
        '',
        'class_types',
        'ends the Nav2 server',
        at='# SOURCE',
    ),
    Trap(
        'semantic',
        'classes: [Road, Pavement]',
        'classes: []  # HERE',
        'class_types',
        'free has no classes',
        also=('class_unmapped',),
    ),
    Trap(
        'semantic',
        '[free, danger]',
        '[danger]',
        'class_types',
        'free is not in class_types',
        at='classes: [Road',
    ),
    Trap(
        'semantic',
        '[Road, Pavement]',
        '[Road, Pavement, road]  # HERE',
        'class_names',
        "'road' is no class of espnet_camvid",
    ),
    Trap(
        'semantic',
        'Building, Pole, ',
        'Pole, ',
        'class_unmapped',
        'Building of espnet_camvid',
        'warning',
        at='class_types: [',
    ),
    Trap(
        'semantic',
        'SignSymbol, Fence]',
        'SignSymbol, Fence, Road]  # HERE',
        'class_twice',
        'Road is in free already',
        'warning',
    ),
    Trap('semantic', 'max_cost: 254', 'max_cost: 255  # HERE', 'cost_range', '255 means unknown'),
    Trap('semantic', 'confidence: 128', 'confidence: 255  # HERE', 'cost_range', 'never reached'),
    Trap(
        'semantic',
        '/segmentation/nav/points',
        '/camera/depth/points',
        'fitting_topics',
        'differ in size: every frame',
        at='segmentation_topic',
    ),
    Trap(
        'semantic',
        'nav/confidence',
        'confidence  # HERE',
        'fitting_topics',
        'that of other pixels is read',
    ),
    Trap(
        'semantic',
        '          labels_topic: /segmentation/label_info\n',
        '',
        'fitting_topics',
        'front has no labels_topic',
        at='# SOURCE',
    ),
    Trap(
        'semantic',
        '/segmentation/nav/mask',
        '/segmentation/left/nav/mask  # HERE',
        'fitting_topics',
        'several cameras',
    ),
    Trap(
        'semantic',
        'max_cost: 0',
        'max_cost: 0\n          expected_update_rate: 1.0  # HERE',
        'no_effect',
        'does nothing',
        'warning',
    ),
    Trap(
        'semantic',
        'front\n',
        'front\n        combination_method: 0  # HERE\n',
        'overwritten',
        'semantic overwrites lidar',
    ),
    Trap(
        'semantic',
        'labels_topic: /seg',
        'labels_topic: seg',
        'relative_topic',
        'relative',
        at='labels_topic',
    ),
    Trap(
        'semantic',
        'local_costmap:\n  local',
        own('{cameras: [left]}') + 'local_costmap:\n  local',
        'topics',
        'the cameras of the node are left',
        at='segmentation_topic',
    ),
    Trap('managed', 'bond_timeout: 0.0', 'bond_timeout: 4.0  # HERE', 'bond', 'waits for a bond'),
    Trap('managed', '    bond_timeout: 0.0\n', '', 'bond', '4.0 by default', at='node_names'),
    Trap(
        'managed',
        'autostart: false',
        'autostart: true',
        'starts_twice',
        'starts itself',
        'warning',
        at='node_names',
    ),
    Trap(
        'managed',
        '    autostart: false\n',
        '',
        'starts_twice',
        'by default',
        'warning',
        at='node_names',
    ),
    Trap(
        'managed',
        'min_height: -0.3',
        'min_height: 0.1  # HERE',
        'collision_monitor',
        'points on the ground',
    ),
    Trap(
        'managed',
        '      min_height: -0.3\n',
        '',
        'collision_monitor',
        '0.05 by default',
        at='# SOURCE',
    ),
    Trap('managed', 'cost: 100', 'cost: 99  # HERE', 'layers', 'inscribed', 'warning'),
    Trap(
        'managed',
        'cost: 100',
        'cost: 101',
        'layers',
        'people: cost must be 0..100, got 101',
        at='# LAYER',
    ),
    Trap('managed', 'cost: 100', 'cost: 1.5', 'layers', 'whole number', at='# LAYER'),
    Trap(
        'managed',
        '[Pedestrian]',
        '[Pedestrain]',
        'layers',
        "did you mean 'Pedestrian'?",
        at='# LAYER',
    ),
    Trap(
        'managed',
        'min_probability: 0.3',
        'min_probability: 0.0',
        'layers',
        'min_probability',
        at='# LAYER',
    ),
    Trap(
        'managed',
        'people:  # LAYER',
        'clear: {classes: [Road], cost: 0}  # HERE\n      people:',
        'layers',
        "'clear' is taken by ~/points/clear",
    ),
]


def check(tmp_path: Path, text: str) -> tuple[Finding, ...]:
    path = tmp_path / 'nav2_params.yaml'
    path.write_text(text, encoding='utf-8')
    return check_file(path, CAMVID, 'espnet_camvid').findings


@pytest.mark.parametrize('name', GOOD)
def test_a_good_file_has_no_trap(name, tmp_path):
    assert check(tmp_path, GOOD[name]) == ()


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert GOOD[trap.base].count(trap.old) == 1
    bad = GOOD[trap.base].replace(trap.old, trap.new)
    found = check(tmp_path, bad)
    assert {f.check for f in found} == {trap.check, *trap.also}
    line = next(i for i, text in enumerate(bad.splitlines(), 1) if trap.at in text)
    there = [f for f in found if f.check == trap.check and f.line == line]
    assert [f.severity for f in there] == [trap.severity], found
    assert trap.says in there[0].problem
    assert there[0].cure


def test_every_check_has_a_trap_and_says_its_reason():
    checks = {check for group in CHECKS.values() for check in group}
    assert {t.check for t in TRAPS} == {c.__name__ for c in checks} | {'layers'}
    assert all((c.__doc__ or '').startswith('Find ') for c in checks)


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


def test_the_global_costmap_answers_to_the_planner(tmp_path):
    text = STATIC.replace('local_costmap', 'global_costmap').replace('10.0', '1.0')
    (found,) = check(tmp_path, text)
    assert (found.check, found.severity, found.line) == ('slow_update', 'error', 7)
    assert 'planner_server gives up waiting for grid (1 s)' in found.problem


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


def test_without_labels_class_names_are_not_checked(tmp_path):
    path = tmp_path / 'nav2_params.yaml'
    path.write_text(SEMANTIC.replace('Road', 'road'), encoding='utf-8')
    assert check_file(path, None).findings == ()
    assert {f.check for f in check_file(path, CAMVID).findings} == {
        'class_names',
        'class_unmapped',
    }


def test_the_mask_of_full_size_goes_with_a_depth_camera(tmp_path):
    text = SEMANTIC.replace('/segmentation/nav/points', '/camera/points').replace('/nav/', '/')
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


def test_layers_for_nodes_of_any_name_are_the_nodes_too(tmp_path):
    text = '/**:\n  ros__parameters:\n    layers:\n      people: {classes: [Human], cost: 100}\n'
    assert [(f.line, f.check) for f in check(tmp_path, text)] == [(4, 'layers')]


def test_a_file_of_layers_must_be_the_nodes(tmp_path):
    path, other = tmp_path / 'nav2_params.yaml', tmp_path / 'other.yaml'
    path.write_text(STATIC, encoding='utf-8')
    other.write_text('amcl: {ros__parameters: {alpha1: 0.2}}', encoding='utf-8')
    with pytest.raises(ParameterError, match='expected parameters of the node segmentation'):
        check_file(path, CAMVID, layers=other)


def test_the_cure_for_a_missing_topic_is_the_one_beside_the_others(tmp_path):
    text = SEMANTIC.replace('/segmentation/nav/', '/robot1/segmentation/left/nav/')
    for key, topic in {
        'labels_topic: /segmentation/label_info': '/segmentation/label_info',
        'pointcloud_topic: /robot1/segmentation/left/nav/points': (
            '/robot1/segmentation/left/nav/points'
        ),
    }.items():
        assert text.count(key) == 1
        (found,) = check(tmp_path, text.replace(key, ''))
        name = key.partition(':')[0]
        expected = topic if name == 'pointcloud_topic' else f'/robot1{topic}'
        assert found.cure == f'{name}: {expected}'


def test_the_confidence_of_a_full_mask_is_full(tmp_path):
    text = SEMANTIC.replace('nav/mask', 'mask').replace('/segmentation/nav/points', '/points')
    (found,) = check(tmp_path, text)
    assert 'memory is read out of bounds' in found.problem
    assert found.line == 12
