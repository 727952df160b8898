"""Occupancy of evidence set by hand; 7 columns, 5 rows."""

from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.grid import GridSpec, Observation
from espnet_ros.core.labels import CAMVID
from espnet_ros.core.layers import LayerSpec
from espnet_ros.core.occupancy import LayerSet
from espnet_ros.core.semantic_grid import SemanticGrid

SPEC = GridSpec(0.5, (7, 5))
NAMES = CAMVID.names
ROAD, TREE, CAR = (NAMES.index(n) for n in ('Road', 'Tree', 'Car'))


def grid_of(cells: dict[tuple[int, int], list[tuple[int, float]]]) -> SemanticGrid:
    """Return a grid of cells (mx, my) with looks (class id, weight), one after the other."""
    grid = SemanticGrid(len(CAMVID), SPEC)
    for (mx, my), looks in cells.items():
        for class_id, weight in looks:
            ids, weights = np.zeros(SPEC.shape, np.uint8), np.zeros(SPEC.shape, np.float32)
            ids[my, mx], weights[my, mx] = class_id, weight
            grid.add(Observation(SPEC, ids, weights), 0.0)
    return grid


def test_unknown_free_and_cost():
    layers = [LayerSpec('green', ('Tree',), 40), LayerSpec('traffic', ('Car', 'Bicyclist'), 100)]
    occupancy = LayerSet(layers, CAMVID).render(
        grid_of({(6, 0): [(ROAD, 1.0)], (2, 3): [(TREE, 1.0)], (5, 4): [(CAR, 0.5)]})
    )
    expected = {name: np.full((5, 7), -1) for name in ('green', 'traffic', 'combined')}
    for name, tree, car in (('green', 40, 0), ('traffic', 0, 100), ('combined', 40, 100)):
        expected[name][0, 6] = 0
        expected[name][3, 2], expected[name][4, 5] = tree, car
    assert list(occupancy.layers) == ['green', 'traffic']
    for name, grid in {**occupancy.layers, 'combined': occupancy.combined}.items():
        assert grid.dtype == np.int8
        assert grid.flags.c_contiguous
        np.testing.assert_array_equal(grid, expected[name])


def test_the_share_of_the_classes_together_decides():
    # Road (1 - 0.5 / 4) + Car 0.5: the car has 0.364 of the cell.
    grid = grid_of({(1, 1): [(ROAD, 1.0), (CAR, 0.5)]})
    specs = [
        LayerSpec('soon', ('Car',), 90, 0.36),
        LayerSpec('late', ('Car',), 90, 0.37),
        LayerSpec('all', ('Car', 'Road'), 90, 1.0),
    ]
    layers = LayerSet(specs, CAMVID).render(grid).layers
    assert [int(layers[n][1, 1]) for n in ('soon', 'late', 'all')] == [90, 0, 90]


def test_a_class_in_two_layers_costs_the_higher():
    specs = [LayerSpec('a', ('Tree', 'Road'), 30), LayerSpec('b', ('Tree',), 70)]
    occupancy = LayerSet(specs, CAMVID).render(grid_of({(0, 0): [(TREE, 1.0)]}))
    assert occupancy.combined[0, 0] == 70
    assert occupancy.layers['a'][0, 0] == 30


@pytest.mark.parametrize(('cost', 'published'), [(0, 0), (98, 98), (99, 98), (100, 100)])
def test_99_is_never_published(cost: int, published: int):
    spec = LayerSpec('a', ('Tree',), cost)
    occupancy = LayerSet([spec], CAMVID).render(grid_of({(0, 0): [(TREE, 1.0)]}))
    assert occupancy.layers['a'][0, 0] == occupancy.combined[0, 0] == published


def test_what_fades_becomes_unknown():
    grid = grid_of({(0, 0): [(TREE, 1.0)]})
    layers = LayerSet([LayerSpec('a', ('Tree',), 50)], CAMVID)
    grid.advance(16.0)  # 0.5 ** (16 / 5) = 0.109 of a look
    assert layers.render(grid).combined[0, 0] == 50
    grid.advance(17.0)  # 0.095
    assert layers.render(grid).combined[0, 0] == -1


def test_a_tenth_of_a_look_is_known_and_less_is_not():
    layers = LayerSet([LayerSpec('a', ('Tree',), 50)], CAMVID)
    combined = layers.render(grid_of({(0, 3): [(TREE, 0.1)], (5, 1): [(TREE, 0.099)]})).combined
    assert (combined[3, 0], combined[1, 5]) == (50, -1)


def test_what_is_rendered_takes_and_adds_nothing():
    grid = grid_of({(1, 3): [(ROAD, 1.0), (CAR, 0.5)]})
    before = grid.evidence.copy()
    layers = LayerSet([LayerSpec('a', ('Road', 'Car'), 50)], CAMVID)
    assert layers.render(grid).combined[3, 1] == layers.render(grid).combined[3, 1] == 50
    np.testing.assert_array_equal(grid.evidence, before)


def test_all_offenders_are_listed_with_the_nearest_name():
    specs = [
        LayerSpec('green', ('tree', 'Gras'), 101),
        LayerSpec('green', ('Car', 'Pedestrain'), -1, 0.0),
        LayerSpec('no_good', (), 1),
    ]
    with pytest.raises(ParameterError) as error:
        LayerSet(specs, CAMVID)
    for part in (
        "'green' is used 2 times", "unknown class 'tree' (did you mean 'Tree'?)", "'Gras'",
        "'Pedestrain' (did you mean 'Pedestrian'?)", 'got 101', 'got -1', 'min_probability',
        'no_good: expected at least one class',
    ):  # fmt: skip
        assert part in str(error.value)


def test_no_layers_are_refused():
    with pytest.raises(ParameterError, match='at least one layer'):
        LayerSet([], CAMVID)


@pytest.mark.parametrize('count', [3, 12])
def test_a_grid_of_another_model_is_refused(count: int):
    with pytest.raises(ParameterError, match=f'11 classes, the grid has {count}'):
        LayerSet([LayerSpec('a', ('Tree',), 50)], CAMVID).render(SemanticGrid(count, SPEC))
