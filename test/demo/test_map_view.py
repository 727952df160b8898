from __future__ import annotations

import math

import numpy as np
import pytest

from espnet_ros.core.layers import LayerSpec
from espnet_ros.demo.map_view import MapView, cost_legend, palette

# 480 pixels for 12 m: 40 a metre, the robot at column 240, 9 m = 360 pixels below the top.
SIZE = 480
LAYERS = (LayerSpec('walls', ('Wall',), 100), LayerSpec('mud', ('Ground',), 99))
COLORS = palette()
UNKNOWN, FREE, LETHAL = COLORS[255].tolist(), COLORS[0].tolist(), COLORS[100].tolist()


def at(picture: np.ndarray, ahead_m: float, left_m: float) -> list[int]:
    return picture[round(360 - 40 * ahead_m), round(240 - 40 * left_m)].tolist()


def test_the_palette_tells_unknown_free_costs_and_lethal_apart():
    assert len({tuple(COLORS[i]) for i in (255, 0, 1, 50, 98, 100)}) == 6
    # Dearer is redder.
    assert np.diff(COLORS[1:99, 1].astype(int)).max() <= 0
    assert COLORS[99].tolist() == UNKNOWN, 'it is not published'


@pytest.mark.parametrize('yaw', [0.0, math.pi / 2, -2.0])
def test_up_is_ahead_whichever_way_the_robot_goes(yaw, make_truth, make_costmap, moved, labels):
    truth = make_truth([np.eye(4), moved(30.0, -20.0, yaw)])
    # 10 x 8 m about the robot; lethal at 3 m ahead and 2 m left, cost 40 at 2 m behind.
    cells = np.zeros((80, 100), np.int8)
    costmap = make_costmap(cells, resolution=0.1, origin=(25.0, -24.0))
    for (ahead, left), value in {(3.0, 2.0): 100, (-2.0, 0.0): 40}.items():
        x = 30.0 + ahead * math.cos(yaw) - left * math.sin(yaw)
        y = -20.0 + ahead * math.sin(yaw) + left * math.cos(yaw)
        column, row = round((x - 25.0) * 10), round((y + 24.0) * 10)
        cells[row - 2 : row + 2, column - 2 : column + 2] = value
    costmap = make_costmap(cells, resolution=0.1, origin=(25.0, -24.0))
    picture = MapView(truth, SIZE, LAYERS, labels).draw(costmap, 1)
    assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.uint8
    assert at(picture, 3.0, 2.0) == LETHAL
    assert at(picture, -2.0, 0.0) == COLORS[40].tolist()
    assert at(picture, 3.0, -2.0) == at(picture, 1.0, 2.0) == FREE
    # Beyond the costmap.
    assert at(picture, 8.5, 5.5) == UNKNOWN


def test_without_a_costmap_all_is_unknown_but_the_robot(make_truth, labels):
    picture = MapView(make_truth(), SIZE, LAYERS, labels).draw(None, 0)
    assert at(picture, 3.0, 1.0) == at(picture, -2.0, -3.0) == UNKNOWN
    assert at(picture, 0.1, 0.0) != UNKNOWN


def test_the_truth_has_the_costs_of_the_layers_and_is_pale_where_it_is_not_shown(
    make_truth, make_costmap, labels
):
    truth = make_truth()
    costmap = make_costmap(np.full((60, 80), -1), resolution=0.1, origin=(0.0, -3.0))
    picture = MapView(truth, SIZE, LAYERS, labels).draw_truth(costmap, 0)
    assert at(picture, 2.0, 0.5) == COLORS[98].tolist(), 'Nav2 keeps 99 for itself'
    assert at(picture, 4.05, 0.55) == LETHAL
    # In view only where |y| < 1.94 at x = 1.
    pale = 0.3 * COLORS[98] + 0.7 * np.array(UNKNOWN)
    assert at(picture, 1.0, 2.5) == pytest.approx(pale, abs=1)
    assert at(picture, -1.0, 0.0) == UNKNOWN


def test_the_legend_goes_from_unknown_to_lethal_with_the_layers_of_each_cost():
    layers = (*LAYERS, LayerSpec('grass', ('Grass',), 30), LayerSpec('cars', ('Car',), 100))
    texts = [text for text, _ in cost_legend(layers)]
    assert texts == ['unknown', 'free', 'cost 30: grass', 'cost 98: mud', 'lethal: walls, cars']
    assert dict(cost_legend(layers))['cost 30: grass'] == tuple(COLORS[30].tolist())
