"""The config is the one place of every default, bound and description."""

from __future__ import annotations

import math

import pytest

from espnet_ros.core.config import (
    GridConfig,
    NodeConfig,
    find_spec,
    parameter_specs,
    unknown_name,
)
from espnet_ros.core.config_rules import check_cameras
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.layers import LayerSpec
from espnet_ros.core.parameter_families import Mount
from espnet_ros.core.parameter_spec import APPLIES, specs_of

NAMES = [
    'model', 'backend', 'device', 'precision', 'threads', 'cameras', 'autostart', 'enabled',
    'input.transport', 'input.reliability', 'input.size_wh', 'input.rectified',
    'input.upside_down', 'input.max_rate', 'mask.size', 'mask.min_confidence',
    'overlay.opacity', 'overlay.jpeg_quality', 'grid.frame', 'grid.size', 'grid.resolution',
    'grid.recentre_step', 'grid.half_life', 'grid.update_rate', 'grid.publish_rate',
    'grid.stale_after', 'grid.on_stale', 'projection.source', 'projection.max_range',
    'projection.min_range', 'projection.min_depression', 'projection.border',
    'projection.ground_cover', 'projection.height_band', 'pose.source', 'pose.base_frame',
    'pose.timeout', 'nav.stride', 'diagnostics.period', 'diagnostics.stale_after',
]  # fmt: skip


def values_of(config: NodeConfig) -> dict[str, object]:
    """Return the flat dotted names and values, without families."""
    return {spec.name: spec.default for spec in specs_of(config)}


def test_names_and_their_order_are_the_contract():
    assert [spec.name for spec in parameter_specs()] == NAMES


def test_each_default_passes_its_own_rule_and_is_described():
    for spec in parameter_specs():
        assert spec.problem(spec.default) is None
        assert spec.description.endswith('.')
        assert spec.applies in APPLIES


def test_types():
    types = {spec.name: spec.type for spec in parameter_specs()}
    assert types['cameras'] == 'string[]'
    assert types['input.size_wh'] == 'integer[]'
    assert types['autostart'] == 'bool'
    assert types['overlay.opacity'] == 'double'
    assert types['overlay.jpeg_quality'] == 'integer'


def test_values_reach_their_groups_and_the_rest_keeps_its_default():
    config = NodeConfig.from_parameters({'input.size_wh': [640, 360], 'overlay.opacity': 1})
    assert config.input.size_wh == (640, 360)
    assert config.overlay.opacity == 1.0
    assert isinstance(config.overlay.opacity, float)
    assert config.input.transport == 'raw'
    assert config.overlay.jpeg_quality == 80


def test_values_and_config_are_inverses():
    values = {**values_of(NodeConfig()), 'cameras': ('front', 'rear/left'), 'model': 'x'}
    assert values_of(NodeConfig.from_parameters(values)) == values


def test_the_usual_ways_to_write_no_cameras():
    assert NodeConfig.from_parameters({'cameras': []}).cameras == ()
    assert NodeConfig.from_parameters({'cameras': ['']}).cameras == ()


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('backend', 'tensorflow', 'expected one of auto, tensorrt, openvino, onnx, torch'),
        ('precision', 'fp16', 'expected one of auto, f32, bf16, f16, int8'),
        ('device', 'cuda:', 'expected auto, cpu, cuda or cuda:N'),
        ('model', 3, 'expected a value of type string'),
        ('enabled', 1, 'expected a value of type bool'),
        ('overlay.jpeg_quality', True, 'expected a value of type integer'),
        ('overlay.jpeg_quality', 0, 'expected 1 to 100'),
        ('overlay.opacity', 1.1, 'expected 0.0 to 1.0'),
        ('overlay.opacity', math.nan, 'expected 0.0 to 1.0'),
        ('mask.min_confidence', 1.5, 'expected 0.0 to 1.0'),
        ('diagnostics.period', 0.0, 'expected 0.1 to 60.0'),
        ('input.size_wh', [480], 'multiples of 8'),
        ('input.size_wh', [480, 362], 'multiples of 8'),
        ('input.size_wh', [0, 360], 'multiples of 8'),
        ('input.size_wh', '480', 'expected a list of type integer'),
        ('input.max_rate', -1.0, 'expected 0.0 to 100.0'),
        ('input.front.upside_down', 1, 'expected a value of type bool'),
        ('cameras', ['front', 'front'], 'expected names that differ'),
        ('cameras', ['a', 'a/nav'], 'not prefixes of other topics, unlike a/nav, got'),
        ('cameras', ['a', 'a/points'], 'not prefixes of other topics, unlike a/points, got'),
        ('cameras', ['a', 'a/depth'], 'not prefixes of other topics, unlike a/depth, got'),
        ('cameras', ['b', 'layers'], 'not prefixes of other topics, unlike layers, got'),
        ('cameras', ['costmap'], 'other names than costmap, the status of the costmaps, got'),
        ('cameras', ['2nd'], "digits, _ and /, got ['2nd']"),
        ('cameras', 'front', 'expected a list of type string'),
        ('grid.size', [20.0], 'expected [along x, along y]'),
        ('grid.size', [20.0, math.nan], 'expected [along x, along y]'),
        ('grid.size', [20.0, 'wide'], 'expected a list of type double'),
        ('grid.resolution', 0.0, 'expected 0.01 to 10.0'),
        ('grid.frame', '', 'without a leading slash'),
        ('grid.frame', '/odom', 'without a leading slash'),
        ('projection.height_band', [2.0, 0.1], 'the first below the second'),
        ('layers.road.cost', 101, 'expected 0 to 100'),
        ('layers.road.cost', 60.5, 'expected a value of type integer'),
        ('layers.road.classes', 'Road', 'expected a list of type string'),
        ('camera_mount.xyz', [0.0, 1.0], 'expected three finite numbers'),
        ('camera_mount.front.rpy', [0.0, math.inf, 0.0], 'expected three finite numbers'),
        ('projection.overhang.Bicyclist', 3.0, 'expected 0.0 to 2.0'),
    ],
)
def test_a_refused_value_is_named_with_what_was_expected(name, value, words):
    with pytest.raises(ParameterError) as caught:
        NodeConfig.from_parameters({name: value})
    assert str(caught.value).startswith(f'{name}: ')
    assert words in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ('typo', 'real'),
    [
        ('opacity', 'overlay.opacity'),
        ('bakend', 'backend'),
        ('input.size', 'mask.size'),
        ('input.size_hw', 'input.size_wh'),
        ('Model', 'model'),
        ('input.trasport', 'input.transport'),
        ('input.upsidedown', 'input.upside_down'),
        ('input.front.upside_donw', 'input.front.upside_down'),
        ('front.upside_down', 'input.upside_down'),
        ('layers.road.costs', 'layers.road.cost'),
        ('layer.road.cost', 'layers.road.cost'),
        ('layers.road', 'layers.road.cost'),
        ('projection.overhangs.Car', 'projection.overhang.Car'),
        ('camera_mount.front.xzy', 'camera_mount.front.xyz'),
        ('camera_mount.xyzz', 'camera_mount.xyz'),
        ('grid.stale_afer', 'grid.stale_after'),
        ('max_rang', 'projection.max_range'),
    ],
)
def test_an_unknown_name_gets_the_nearest_real_one(typo, real):
    sentence = unknown_name(typo)
    assert repr(typo) in sentence
    assert repr(real) in sentence


@pytest.mark.parametrize('name', ['nosuch', 'zzz', 'robot_radius', 'min_score'])
def test_an_unknown_name_far_from_all_gets_no_other(name):
    assert unknown_name(name) == f'unknown parameter {name!r}, and none has a similar name'


def test_a_camera_name_that_is_none_is_named_once_beside_the_value():
    with pytest.raises(ParameterError) as caught:
        NodeConfig.from_parameters({'cameras': ['front', 'a b']})
    assert str(caught.value) == (
        'cameras: expected names that start with a letter and hold letters, digits, _ and /, '
        "unlike 'a b', got ['front', 'a b']"
    )


def test_all_offenders_are_listed():
    with pytest.raises(ParameterError) as caught:
        NodeConfig.from_parameters({'bakend': 'auto', 'device': 'tpu', 'mask.size': 'big'})
    for word in ('bakend', 'device', 'mask.size'):
        assert word in str(caught.value)


def test_families_reach_the_config():
    config = NodeConfig.from_parameters({
        'layers.road.classes': ['Road'], 'layers.road.cost': 60,
        'layers.people.classes': ['Pedestrian', 'Bicyclist'], 'layers.people.cost': 100,
        'layers.people.min_probability': 0.2, 'projection.overhang.Bicyclist': 0.4,
        'camera_mount.xyz': [0.2, 0, 1.2], 'camera_mount.front/left.xyz': [0.0, 0.3, 1.0],
        'camera_mount.front/left.rpy': [0.0, 0.1, 1.5],
    })  # fmt: skip
    assert config.layers == (
        LayerSpec('people', ('Pedestrian', 'Bicyclist'), 100, 0.2),
        LayerSpec('road', ('Road',), 60, 0.5),
    )
    assert config.overhang_m == {'Bicyclist': 0.4}
    assert config.mounts == {
        '': Mount((0.2, 0.0, 1.2)),
        'front/left': Mount((0.0, 0.3, 1.0), (0.0, 0.1, 1.5)),
    }


@pytest.mark.parametrize(
    ('update_rate', 'stale_after', 'expected'),
    [(10.0, 1.0, 10.0), (0.5, 1.0, 2.0), (0.5, 5.0, 0.5)],
)
def test_two_masks_come_within_the_time_in_which_a_grid_is_fresh(
    update_rate, stale_after, expected
):
    assert GridConfig(update_rate=update_rate, stale_after=stale_after).masks_hz == expected


@pytest.mark.parametrize(
    ('max_rate', 'stale_after', 'expected'),
    [(0.0, 1.0, math.inf), (10.0, 1.0, 10.0), (0.5, 1.0, 2.0), (0.5, 5.0, 0.5)],
)
def test_as_many_images_are_segmented_as_the_grid_needs(max_rate, stale_after, expected):
    values = {'input.max_rate': max_rate, 'grid.stale_after': stale_after}
    assert NodeConfig.from_parameters(values).images_hz == expected


def test_cameras_are_upside_down_as_all_or_as_they_say_themselves():
    def turned(**values):
        names = {key.replace('__', '.'): value for key, value in values.items()}
        config = NodeConfig.from_parameters({'cameras': ['front', 'a/b'], **names})
        check_cameras(config)
        return [config.is_upside_down(camera) for camera in config.camera_names]

    assert turned() == [False, False]
    assert turned(input__upside_down=True) == [True, True]
    assert turned(**{'input.a/b.upside_down': True}) == [False, True]
    assert turned(input__upside_down=True, input__front__upside_down=False) == [False, True]
    assert NodeConfig.from_parameters({'input.upside_down': True}).is_upside_down('')


def test_a_camera_in_a_group_may_be_called_like_the_status_of_the_cost_maps():
    assert NodeConfig.from_parameters({'cameras': ['rig/costmap']}).cameras == ('rig/costmap',)


def test_half_a_layer_and_half_a_mount_are_refused():
    with pytest.raises(ParameterError, match=r"road: 'classes' is missing"):
        NodeConfig.from_parameters({'layers.road.cost': 60})
    with pytest.raises(ParameterError, match='rpy without xyz for front'):
        NodeConfig.from_parameters({'camera_mount.front.rpy': [0.0, 0.0, 0.0]})


def test_a_member_of_a_family_has_its_own_spec():
    spec = find_spec('layers.road.cost')
    assert spec is not None
    assert (spec.name, spec.type, spec.maximum) == ('layers.road.cost', 'integer', 100)
    assert find_spec('camera_mount.left.xyz').type == 'double[]'
    assert find_spec('layers.Road.cost') is None


def test_a_name_of_ones_own_that_is_refused_is_not_proposed() -> None:
    sentence = unknown_name('layers.Road.classes')
    assert 'did you mean' not in sentence
    assert "'Road' is not a valid name" in sentence and 'lower case letters' in sentence


@pytest.mark.parametrize('name', ['a//b', 'a/1', 'a/', '/a', '2nd'])
def test_a_mount_is_of_what_may_be_a_camera(name: str) -> None:
    with pytest.raises(ParameterError, match='expected names that start with a letter'):
        NodeConfig.from_parameters({'cameras': [name]})
    words = f"'{name}' is not a valid name.*; that of a camera is a letter"
    with pytest.raises(ParameterError, match=words):
        NodeConfig.from_parameters({f'camera_mount.{name}.xyz': [0.0, 0.0, 1.0]})
