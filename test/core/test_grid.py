"""Where cells are, by hand, on grids that are not square."""

from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.grid import GridSpec


def test_cells_and_their_places():
    spec = GridSpec(0.5, (7, 5), (-2, 4))
    assert spec.shape == (5, 7)
    assert spec.origin_m == (-1.0, 2.0)
    points = np.array([[-1.0, 2.0], [2.49, 4.49], [0.1, 3.0], [-1.01, 3], [2.5, 3], [0, 4.5]])
    cells, inside = spec.cells_of(points)
    assert inside.tolist() == [True, True, True, False, False, False]
    assert cells[:3].tolist() == [[0, 0], [6, 4], [2, 2]]


def test_what_is_not_finite_is_off_the_grid():
    cells, inside = GridSpec(0.1, (7, 5)).cells_of(np.array([[np.nan, 0.1], [np.inf, 0.1]]))
    assert not inside.any()
    assert not cells.any()


def test_the_middles_of_cells_are_in_their_cells():
    spec = GridSpec(0.1, (7, 5), (30, -2))
    middles = spec.centers()
    assert middles.shape == (5, 7, 2)
    np.testing.assert_allclose(middles[3, 6], [3.65, 0.15])
    cells, inside = spec.cells_of(middles.reshape(-1, 2))
    assert inside.all()
    assert cells.tolist() == [[mx, my] for my in range(5) for mx in range(7)]


def test_a_grid_around_a_point():
    spec = GridSpec.around((10.04, -3.0), (4.0, 2.0), 0.1)
    assert spec.size_cells == (40, 20)
    assert spec.origin_cells == (80, -40)
    assert spec.moved((10, -20)).origin_cells == (90, -60)


def test_the_point_is_in_the_middle_cell_of_a_grid_of_the_nearest_size():
    spec = GridSpec.around((0.27, -0.23), (0.68, 0.48), 0.1)
    assert spec.size_cells == (7, 5)
    # The middle cell is (3, 2): 0.2..0.3 m along x, -0.3..-0.2 m along y.
    assert spec.origin_cells == (-1, -5)
    cells, inside = spec.cells_of(np.array([[0.27, -0.23]]))
    assert inside.tolist() == [True]
    assert cells.tolist() == [[3, 2]]


def test_cells_keep_their_places_far_away():
    spec = GridSpec(0.1, (7, 5)).moved((10_000_000, 3))
    cells, inside = spec.cells_of(spec.centers().reshape(-1, 2))
    assert inside.all()
    assert cells[-1].tolist() == [6, 4]


@pytest.mark.parametrize(
    ('resolution', 'size', 'message'),
    [
        (0.0009, (7, 5), 'resolution'),
        (10.1, (7, 5), 'resolution'),
        (float('nan'), (7, 5), 'resolution'),
        (0.1, (0, 5), '0x5'),
        (0.1, (5, 0), '5x0'),
        (0.1, (32_768, 1), '32768x1'),
        (0.1, (1, 32_768), '1x32768'),
        (0.1, (3200, 5001), '16000000'),
    ],
)
def test_absurd_grids_are_refused(resolution: float, size: tuple[int, int], message: str):
    with pytest.raises(ParameterError, match=message):
        GridSpec(resolution, size)


@pytest.mark.parametrize(
    ('resolution', 'size'),
    [(0.001, (1, 7)), (10.0, (7, 1)), (1.0, (32_767, 2)), (1.0, (2, 32_767)), (1.0, (3200, 5000))],
)
def test_the_limits_themselves_are_taken(resolution: float, size: tuple[int, int]):
    assert GridSpec(resolution, size).origin_cells == (0, 0)
    sides_m = (size[0] * resolution, size[1] * resolution)
    assert GridSpec.around((0.0, 0.0), sides_m, resolution).size_cells == size


def test_all_offenders_are_listed():
    with pytest.raises(ParameterError, match=r'resolution.*-1x5'):
        GridSpec(-0.1, (-1, 5))


@pytest.mark.parametrize('center', [(float('nan'), 0.0), (0.0, float('inf'))])
def test_a_grid_nowhere_is_refused(center: tuple[float, float]):
    with pytest.raises(ParameterError, match='finite'):
        GridSpec.around(center, (4.0, 2.0), 0.1)


@pytest.mark.parametrize('size', [(float('nan'), 2.0), (4.0, float('inf'))])
def test_a_grid_of_no_size_is_refused(size: tuple[float, float]):
    with pytest.raises(ParameterError, match='finite'):
        GridSpec.around((0.0, 0.0), size, 0.1)


@pytest.mark.parametrize('resolution', [0.0, 0.0009, 10.1])
def test_a_grid_of_no_usable_resolution_is_refused(resolution: float):
    with pytest.raises(ParameterError, match='resolution'):
        GridSpec.around((0.0, 0.0), (40.0, 20.0), resolution)
