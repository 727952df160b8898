"""Layers of plain data, and what is wrong with them."""

from __future__ import annotations

import pytest

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import CAMVID
from espnet_ros.core.layers import LayerSpec, layer_problems, layers_from_dict


def test_layers_from_plain_data():
    specs = layers_from_dict(
        {'a': {'classes': ['Tree'], 'cost': 50}, 'b': {'classes': [], 'cost': 1,
                                                       'min_probability': 1}}
    )  # fmt: skip
    assert specs == [LayerSpec('a', ('Tree',), 50, 0.5), LayerSpec('b', (), 1, 1.0)]
    with pytest.raises(ParameterError) as error:
        layers_from_dict({'a': {'clases': ['Tree'], 'cost': True}, 'b': {'classes': 'Tree'}})
    for part in ("'clases' (did you mean 'classes'?)", "a: 'classes' is missing", 'got True',
                 "b: 'cost' is missing", "got 'Tree'"):  # fmt: skip
        assert part in str(error.value)


def test_the_name_of_the_free_ground_is_taken():
    (problem,) = layer_problems([LayerSpec('clear', ('Road',), 0)], CAMVID)
    assert "'clear' is taken by ~/points/clear" in problem
    with pytest.raises(ParameterError, match=r"'clear' is taken"):
        layers_from_dict({'clear': {'classes': ['Road'], 'cost': 0}})
