"""What is wrong with layers."""

from __future__ import annotations

import pytest

from espnet_ros.core.labels import CAMVID, LabelClass, Labels
from espnet_ros.core.layers import LayerSpec, layer_problems
from espnet_ros.core.mapper import default_layers


def test_a_layer_of_what_never_comes_to_the_map_is_refused():
    (problem,) = layer_problems([LayerSpec('above', ('Sky',), 50)], CAMVID)
    assert problem == (
        'above: no class of kind sky gets onto the map (Sky): name ground or upright classes'
    )
    assert not list(layer_problems([LayerSpec('all', ('Sky', 'Road'), 50)], CAMVID))
    # Whose masks are wanted alone needs no costmaps.
    stars = Labels([LabelClass('Star', (255, 255, 0), 'sky')])
    assert not list(layer_problems(default_layers(stars), stars))


@pytest.mark.parametrize(('probability', 'taken'), [(0.0, 0), (0.01, 1), (1.0, 1), (1.01, 0)])
def test_a_share_is_above_0_and_at_most_1(probability: float, taken: int):
    problems = list(layer_problems([LayerSpec('a', ('Road',), 0, probability)], CAMVID))
    assert len(problems) == 1 - taken
    assert all('min_probability must be above 0, up to 1' in problem for problem in problems)
