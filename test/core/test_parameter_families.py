"""Parameters that are of use together only."""

from __future__ import annotations

import re

import pytest

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.parameter_families import incomplete

HALF = {
    'layers.a.classes': ('Car',), 'layers.b.cost': 5, 'layers.b.min_probability': 0.3,
    'camera_mount.rpy': (0.0, 0.1, 0.0), 'camera_mount.left.rpy': (0.0, 0.1, 0.0),
}  # fmt: skip
WHOLE = {
    'layers.c.classes': ('Car',), 'layers.c.cost': 5, 'camera_mount.right.xyz': (0.0, 0.0, 1.0),
}  # fmt: skip


def test_each_group_that_lacks_something_is_named_with_what_it_lacks():
    assert list(incomplete({**WHOLE, **HALF})) == [
        ('layers.a', "a: 'cost' is missing"), ('layers.b', "b: 'classes' is missing"),
        ('camera_mount.left', 'camera_mount has rpy without xyz for left: give both'),
        ('camera_mount', 'camera_mount has rpy without xyz for the camera: give both'),
    ]  # fmt: skip
    assert list(incomplete(WHOLE)) == []


@pytest.mark.parametrize('name', HALF)
def test_the_config_refuses_the_same(name):
    ((_, sentence),) = incomplete({name: HALF[name]})
    with pytest.raises(ParameterError) as error:
        NodeConfig.from_parameters({name: HALF[name]})
    assert sentence in str(error.value)


def test_the_name_of_the_free_ground_is_taken():
    given = {'layers.clear.classes': ('Road',), 'layers.clear.cost': 0}
    taken = "clear: layer name 'clear' is taken by ~/points/clear, the free ground"
    assert list(incomplete(given)) == [('layers.clear', taken)]
    with pytest.raises(ParameterError, match=taken):
        NodeConfig.from_parameters(given)


def test_all_layers_that_lack_something_are_listed():
    given = {'layers.b.min_probability': 0.5, 'layers.a.cost': 1}
    with pytest.raises(ParameterError) as error:
        NodeConfig.from_parameters(given)
    assert str(error.value) == (
        "layers refused: a: 'classes' is missing; b: 'classes' is missing; b: 'cost' is missing"
    )


@pytest.mark.parametrize(
    ('leaf', 'value', 'part'),
    [
        ('clases', ['Tree'], "did you mean 'layers.a.classes'?"),
        ('classes', 'Tree', 'expected a list of type string'),
        ('cost', True, 'expected a value of type integer'),
        ('min_probability', True, 'expected a value of type double'),
    ],
)
def test_a_leaf_of_a_layer_has_its_name_and_type(leaf, value, part):
    given = {'layers.a.classes': ['Tree'], 'layers.a.cost': 50, f'layers.a.{leaf}': value}
    with pytest.raises(ParameterError, match=re.escape(part)):
        NodeConfig.from_parameters(given)
