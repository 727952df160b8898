"""What parameters must fulfil beside each other, told before anything is made of them."""

from __future__ import annotations

import pytest

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.config_rules import camera_refusals, check_cameras, check_map, map_refusals
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import CAMVID, LabelClass, Labels

# Each breaks one rule -> the parameters that have a part in it, and words of the sentence.
BROKEN = [
    # Half of the shorter side of the default, 20 m.
    (
        {'grid.recentre_step': 10.5},
        ('grid.recentre_step', 'grid.size'),
        'at most half of the shorter side of the grid, 20 m, or the robot leaves it, got 10.5 m',
    ),
    # 1000 m / 0.01 m a side.
    (
        {'grid.size': [1000.0, 900.0], 'grid.resolution': 0.01},
        ('grid.resolution', 'grid.size'),
        'grid.size must be 1..32767 cells a side and 16000000 cells in all, got 100000x90000',
    ),
    # 0.2 m / 10 m is no whole cell; 1 m, the default, would be too far a step.
    (
        {'grid.size': [0.2, 0.2], 'grid.resolution': 10.0, 'grid.recentre_step': 0.1},
        ('grid.resolution', 'grid.size'),
        'got 0x0: change grid.resolution or grid.size',
    ),
    (
        {'projection.min_range': 9.0},
        ('projection.min_range', 'projection.max_range'),
        'must be 0 m or more and below max_range, got 9 m, and 8 m for projection.max_range',
    ),
    (
        {'layers.way.classes': [''], 'layers.way.cost': 0},
        ('layers.way',),
        'way: expected at least one class',
    ),
]
# The same for a model.
BROKEN_OF_MODEL = [
    (
        {'projection.ground_cover': ['Tree', 'Road']},
        ('projection.ground_cover',),
        "projection.ground_cover names 'Road', which is not an upright class of the model "
        '(upright classes: Building, Pole, Tree, SignSymbol, Fence, Car, Pedestrian, Bicyclist)',
    ),
    (
        {'projection.overhang.Car': 0.2, 'projection.overhang.Bike': 0.4},
        ('projection.overhang.Bike',),
        "projection.overhang names 'Bike', which is not an upright class of the model",
    ),
    (
        {'layers.way.classes': ['Raod'], 'layers.way.cost': 0},
        ('layers.way',),
        "way: unknown class 'Raod' (did you mean 'Road'?)",
    ),
]


def refused(values, labels):
    return list(map_refusals(NodeConfig.from_parameters(values), labels))


@pytest.mark.parametrize(('values', 'names', 'words'), [*BROKEN, *BROKEN_OF_MODEL])
def test_a_broken_rule_names_its_parameters(values, names, words):
    (refusal,) = refused(values, CAMVID)
    assert refusal.names == names
    assert words in refusal.sentence


def test_what_the_model_does_not_matter_for_is_told_without_it():
    assert all(len(refused(values, None)) == 1 for values, _, _ in BROKEN)
    assert not any(refused(values, None) for values, _, _ in BROKEN_OF_MODEL)


def test_the_defaults_and_the_limits_go_together():
    assert refused({}, CAMVID) == []
    limits = {'grid.size': [400.0, 400.0], 'grid.recentre_step': 100.0, 'layers.a.cost': 0}
    limits |= {'projection.min_range': 7.9, 'layers.a.classes': ['Road']}
    assert refused(limits, CAMVID) == []  # 4000 x 4000 cells


def test_no_model_has_more_than_255_classes():
    names = [f'c{i}' for i in range(255)]
    layer = {'layers.all.classes': [*names, 'c0'], 'layers.all.cost': 0}
    assert refused(layer, None) == []
    (refusal,) = refused({**layer, 'layers.all.classes': [*names, 'one more']}, None)
    assert 'all: expected at most 255 classes, as no model has more, got 256' in refusal.sentence


def test_all_offenders_are_listed():
    values = {'grid.recentre_step': 90.0, 'projection.min_range': 50.0}
    labels = Labels([LabelClass('Green', (0, 255, 0), 'ground')])
    values |= {'layers.a.classes': ['Road'], 'layers.a.cost': 0, 'layers.b.cost': 0}
    config = NodeConfig.from_parameters({**values, 'layers.b.classes': ['Green']})
    with pytest.raises(ParameterError) as error:
        check_map(config, labels)
    for part in ('grid.recentre_step must', 'projection.min_range must', 'a: unknown class'):
        assert str(error.value).count(part) == 1
    assert 'b: ' not in str(error.value)


def test_each_camera_that_is_not_there_is_told_by_the_parameter_that_names_it():
    config = NodeConfig.from_parameters({
        'cameras': ['front', 'left'], 'camera_mount.frnt.xyz': [0.0, 0.0, 1.0],
        'camera_mount.left.xyz': [0.0, 0.0, 1.0], 'camera_mount.rear.xyz': [0.0, 0.0, 1.0],
        'input.lft.upside_down': True, 'input.front.upside_down': True,
    })  # fmt: skip
    refusals = list(camera_refusals(config))
    assert [refusal.names for refusal in refusals] == [
        ('camera_mount.frnt', 'cameras'), ('camera_mount.rear', 'cameras'),
        ('input.lft.upside_down', 'cameras'),
    ]  # fmt: skip
    assert refusals[1].sentence.startswith(
        'camera_mount.rear belongs to no camera: expected camera_mount.front, camera_mount.left'
    )


def test_the_mount_of_no_camera_is_refused():
    mounts = {f'camera_mount.{name}xyz': [0.0, 0.0, 1.0] for name in ('front.', 'fornt.', '')}
    check_cameras(NodeConfig.from_parameters({**mounts, 'cameras': ['front', 'fornt', 'left']}))
    wanted = 'expected camera_mount.front, camera_mount.left'
    expected = f'camera_mount.fornt belongs to no camera: {wanted}'
    with pytest.raises(ParameterError, match=expected):
        check_cameras(NodeConfig.from_parameters({**mounts, 'cameras': ['front', 'left']}))
    with pytest.raises(ParameterError, match='expected camera_mount, by'):
        check_cameras(NodeConfig.from_parameters(mounts))


def test_no_camera_that_is_not_there_is_upside_down():
    values = {'cameras': ['front', 'left'], 'input.fornt.upside_down': True}
    expected = (
        r'input\.fornt\.upside_down belongs to no camera: expected input\.front\.upside_down, '
        r'input\.left\.upside_down, by the parameter cameras'
    )
    with pytest.raises(ParameterError, match=expected):
        check_cameras(NodeConfig.from_parameters(values))
    values['cameras'] = []
    with pytest.raises(ParameterError, match=r'expected input\.upside_down, by'):
        check_cameras(NodeConfig.from_parameters(values))


def test_all_cameras_that_are_not_there_are_told_at_once():
    values = {'input.lft.upside_down': True, 'camera_mount.rear.xyz': [0.0, 0.0, 1.0]}
    with pytest.raises(ParameterError) as error:
        check_cameras(NodeConfig.from_parameters(values))
    assert str(error.value) == (
        'camera_mount.rear belongs to no camera: expected camera_mount, by the parameter cameras; '
        'input.lft.upside_down belongs to no camera: expected input.upside_down, by the parameter '
        'cameras'
    )
