"""The config is the one place of every default, bound and description."""

from __future__ import annotations

import math

import pytest

from espnet_ros.core.config import (
    APPLIES,
    NodeConfig,
    parameter_specs,
    parameter_values,
    unknown_name,
)
from espnet_ros.core.errors import ParameterError

NAMES = [
    'model', 'backend', 'device', 'precision', 'cameras', 'autostart', 'enabled',
    'input.transport', 'input.reliability', 'input.size_wh', 'mask.size', 'overlay.opacity',
    'overlay.jpeg_quality', 'diagnostics.period', 'diagnostics.stale_after',
]  # fmt: skip


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
    values = {**parameter_values(NodeConfig()), 'cameras': ('front', 'rear/left'), 'model': 'x'}
    assert parameter_values(NodeConfig.from_parameters(values)) == values


def test_the_usual_ways_to_write_no_cameras():
    assert NodeConfig.from_parameters({'cameras': []}).cameras == ()
    assert NodeConfig.from_parameters({'cameras': ['']}).cameras == ()


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('backend', 'tensorflow', 'expected one of auto, openvino'),
        ('device', 'cuda:', 'expected auto, cpu, cuda or cuda:N'),
        ('model', 3, 'expected a value of type string'),
        ('enabled', 1, 'expected a value of type bool'),
        ('overlay.jpeg_quality', True, 'expected a value of type integer'),
        ('overlay.jpeg_quality', 0, 'expected 1 to 100'),
        ('overlay.opacity', 1.1, 'expected 0.0 to 1.0'),
        ('overlay.opacity', math.nan, 'expected 0.0 to 1.0'),
        ('diagnostics.period', 0.0, 'expected 0.1 to 60.0'),
        ('input.size_wh', [480], 'multiples of 8'),
        ('input.size_wh', [480, 362], 'multiples of 8'),
        ('input.size_wh', [0, 360], 'multiples of 8'),
        ('input.size_wh', '480', 'expected a list of type integer'),
        ('cameras', ['front', 'front'], 'must differ'),
        ('cameras', ['front', '2nd'], "not ['2nd']"),
        ('cameras', 'front', 'expected a list of type string'),
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
        ('zzz', None),
    ],
)
def test_an_unknown_name_gets_the_nearest_real_one(typo, real):
    sentence = unknown_name(typo)
    assert repr(typo) in sentence
    assert repr(real) in sentence if real else any(repr(name) in sentence for name in NAMES)


def test_all_offenders_are_listed():
    with pytest.raises(ParameterError) as caught:
        NodeConfig.from_parameters({'bakend': 'auto', 'device': 'tpu', 'mask.size': 'big'})
    for word in ('bakend', 'device', 'mask.size'):
        assert word in str(caught.value)
