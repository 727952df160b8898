"""Traps of the file beside its costmaps."""

import copy
import functools
import math
import operator
import re
from collections.abc import Iterator

import pytest
import yaml
from parameter_files import (
    EVERY,
    GOOD,
    SEMANTIC,
    STATIC,
    Trap,
    assert_all_have_a_trap,
    assert_found,
    check,
    own,
)

from espnet_ros.nav2.file_checks import CHECKS, FOR_ALL
from espnet_ros.nav2.views import View

# What rcl says to each of these was tried: `Couldn't parse params file`.
TRAPS = [
    Trap(
        'static',
        'controller_server:\n  ros__parameters:\n    costmap_update_timeout: 0.3',
        'global_costmap:\n  global_costmap:\n    ros__parameters: null  # HERE',
        'refused',
        'ros__parameters of /global_costmap/global_costmap holds no names with values',
    ),
    Trap(
        'static',
        'controller_server:\n  ros__parameters:\n    costmap_update_timeout: 0.3',
        '/controller_server:\n  ros__parameters: [1.0]  # HERE',
        'refused',
        'ros__parameters of /controller_server holds',
    ),
    Trap('static', 'timeout: 0.3', 'timeout:  # HERE', 'refused', 'timeout has no value'),
    Trap('static', 'frequency: 10.0', 'frequency: ~  # HERE', 'refused', 'frequency has no value'),
    Trap(
        'static',
        'timeout: 0.3',
        'timeout: 0.3\n    list: [1, 2.0]  # HERE',
        'refused',
        'list is [1, 2.0]: ROS refuses the whole file for a list of several types',
    ),
    Trap(
        'static',
        'timeout: 0.3',
        'timeout: 0.3\n    footprint: [[1.0], [2.0]]  # HERE',
        'refused',
        'or of lists',
    ),
    Trap(
        'static',
        'timeout: 0.3',
        'timeout: 0.3\n    list:  # HERE\n      -',
        'refused',
        'list is [None]: ROS refuses the whole file',
    ),
    Trap(
        'obstacle',
        '[people_and_cars, inflation]',
        '[5, null]  # HERE',
        'refused',
        "plugins is [5, 'null']: ROS refuses the whole file",
        also=('wrong_type', 'not_in_plugins'),
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
        'has type sensor_msgs/Image, which map_topic does not take',
    ),
    Trap(
        'static',
        'use_maximum: true',
        'use_maximum: true\n      use_maximum: true  # HERE',
        'duplicate_keys',
        'already given in line 12',
        'warning',
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
        'local_costmap:\n  local',
        own('{cameras: [left]}') + 'local_costmap:\n  local',
        'topics',
        'the cameras of the node are left',
        at='segmentation_topic',
    ),
]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert_found(trap, tmp_path)


def test_every_check_has_a_trap():
    assert_all_have_a_trap([*CHECKS, *FOR_ALL], TRAPS)


@pytest.mark.parametrize(
    'given',
    [
        '{grid: {stale_after: 1e0}}', '{backend: $(env BACKEND auto)}',
        '{input: {size_wh: $(var size)}}', '{cameras: ["1e5", "a"], autostart: $(var autostart)}',
    ],
)  # fmt: skip
def test_what_ros_or_launch_reads_otherwise_is_no_fault(given, tmp_path):
    found = check(tmp_path, own(given))
    assert [f.problem for f in found if 'list of several types' in f.problem] == []
    # 1e5 is no name of a camera.
    assert [f for f in found if not f.parameter.endswith(' cameras')] == []


def leaves(tree: dict, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        yield from leaves(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]


@pytest.mark.parametrize(
    'value', [[], [200], {}, '', 'word', math.inf, math.nan, True, -1, None, 1e-310], ids=repr
)
def test_no_value_of_any_kind_breaks_a_check(value, tmp_path):
    grid = {'update_rate': value, 'stale_after': value}
    for text in GOOD.values():
        good = yaml.safe_load(text)
        for path in leaves(good):
            tree = copy.deepcopy(good)
            functools.reduce(operator.getitem, path[:-1], tree)[path[-1]] = value
            check(tmp_path, yaml.safe_dump(tree))
        good['segmentation'] = {'ros__parameters': {'grid': grid}}
        check(tmp_path, yaml.safe_dump(good))


def test_one_of_the_good_files_gives_every_number_that_a_check_reads(tmp_path, monkeypatch):
    read = set()
    number = View.number

    def noting(view: View, key: str, default: float) -> float | None:
        read.add(key.rpartition('.')[2])
        return number(view, key, default)

    monkeypatch.setattr(View, 'number', noting)
    check(tmp_path, EVERY)
    # A mere sample, lest nothing be noted.
    assert {'z_voxels', 'samples_to_max_cost', 'costmap_update_timeout', 'min_height'} <= read
    assert read <= {path[-1] for path in leaves(yaml.safe_load(EVERY))}


NUMBERS = list(re.finditer(r'(?m)^ +([\w.]+): (-?[\d.]+)$', EVERY))


@pytest.mark.parametrize('number', NUMBERS, ids=lambda match: match[1])
def test_a_word_in_place_of_a_number_is_found(number, tmp_path):
    found = check(tmp_path, f'{EVERY[: number.start(2)]}word{EVERY[number.end() :]}')
    line = EVERY.count('\n', 0, number.start()) + 1
    # The types of a server's own parameters are not checked.
    expected = [] if number[1] == 'costmap_update_timeout' else [line]
    assert [f.line for f in found] == expected
    assert {f.check for f in found} <= {'wrong_type', 'parameters'}


@pytest.mark.parametrize(
    'text',
    [
        SEMANTIC.replace('/segmentation/nav/', '/segmentation/left/nav/'),
        # All cameras share the costmap.
        STATIC,
    ],
)
def test_topics_of_several_cameras(text, tmp_path):
    assert check(tmp_path, own('{cameras: [front, left]}') + text) == ()


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


@pytest.mark.parametrize(
    'value', ['{}', '{a: [1.0, 1e-3]}', '{a: [x, 2020-01-01]}', '{a: [1, $(var b)]}', '{a: []}']
)
def test_values_that_ros_takes(value, tmp_path):
    assert check(tmp_path, f'amcl: {{ros__parameters: {value}}}\n') == ()


def test_a_file_without_the_node_can_be_refused_too(tmp_path):
    (found,) = check(tmp_path, 'robot1:\n  local_costmap/local_costmap:\n    ros__parameters:\n')
    assert (found.check, found.line, found.parameter) == (
        'refused',
        3,
        '/robot1/local_costmap/local_costmap',
    )
