"""Layers of plain data, and what is wrong with them."""

from __future__ import annotations

import pytest

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import CAMVID, LabelClass, Labels
from espnet_ros.core.layers import LayerSpec, layer_problems, layers_from_dict
from espnet_ros.core.mapper import default_layers


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


def test_a_layer_of_what_never_comes_to_the_map_is_refused():
    (problem,) = layer_problems([LayerSpec('above', ('Sky',), 50)], CAMVID)
    assert problem == (
        'above: no class of kind sky gets onto the map (Sky): name ground or upright classes'
    )
    assert not list(layer_problems([LayerSpec('all', ('Sky', 'Road'), 50)], CAMVID))
    # Whose masks are wanted alone needs no cost maps.
    stars = Labels([LabelClass('Star', (255, 255, 0), 'sky')])
    assert not list(layer_problems(default_layers(stars), stars))


def test_the_name_of_the_free_ground_is_taken():
    (problem,) = layer_problems([LayerSpec('clear', ('Road',), 0)], CAMVID)
    assert "'clear' is taken by ~/points/clear" in problem
    with pytest.raises(ParameterError, match=r"'clear' is taken"):
        layers_from_dict({'clear': {'classes': ['Road'], 'cost': 0}})


@pytest.mark.parametrize(('probability', 'taken'), [(0.0, 0), (0.01, 1), (1.0, 1), (1.01, 0)])
def test_a_share_is_above_0_and_at_most_1(probability: float, taken: int):
    problems = list(layer_problems([LayerSpec('a', ('Road',), 0, probability)], CAMVID))
    assert len(problems) == 1 - taken
    assert all('min_probability must be above 0, up to 1' in problem for problem in problems)


def test_a_share_is_no_boolean():
    with pytest.raises(ParameterError, match='min_probability must be a number, got True'):
        layers_from_dict({'a': {'classes': ['Road'], 'cost': 0, 'min_probability': True}})
