"""Memory of a rolling grid by hand; 7 columns, 5 rows, 3 classes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from espnet_ros.core.errors import ParameterError, PoseError
from espnet_ros.core.grid import GridSpec, Observation
from espnet_ros.core.semantic_grid import Memory, SemanticGrid

SPEC = GridSpec(0.5, (7, 5), (-3, -2))


def look(spec: GridSpec, seen: dict[tuple[int, int], tuple[int, float]]) -> Observation:
    """Return an observation of cells (mx, my): (class id, weight)."""
    ids, weights = np.zeros(spec.shape, np.uint8), np.zeros(spec.shape, np.float32)
    for (mx, my), (class_id, weight) in seen.items():
        ids[my, mx], weights[my, mx] = class_id, weight
    return Observation(spec, ids, weights)


def known(grid: SemanticGrid) -> np.ndarray:
    return grid.evidence * np.float32(grid.gain)


def test_a_look_adds_its_weight_to_its_class_and_cell_only():
    grid = SemanticGrid(3, SPEC)
    grid.add(look(SPEC, {(6, 1): (2, 0.75), (0, 4): (0, 0.5)}), 10.0)
    expected = np.zeros((3, 5, 7), np.float32)
    expected[2, 1, 6], expected[0, 4, 0] = 0.75, 0.5
    np.testing.assert_allclose(known(grid), expected)
    assert grid.stamp_s == 10.0


def test_evidence_has_a_ceiling_and_turns_over():
    grid = SemanticGrid(3, SPEC, Memory(half_life_s=math.inf))
    for _ in range(200):
        grid.add(look(SPEC, {(6, 1): (0, 0.5), (3, 2): (0, 0.5), (0, 4): (0, 0.5)}), 0.0)
    assert known(grid)[0, [1, 2, 4], [6, 3, 0]] == pytest.approx([4.0] * 3, rel=1e-4)
    looks = 0
    while known(grid)[1, 2, 3] <= known(grid)[0, 2, 3]:
        grid.add(look(SPEC, {(3, 2): (1, 1.0)}), 0.0)
        looks += 1
    # 4 (3/4)^n < 4 (1 - (3/4)^n) from n = 3 on.
    assert looks == 3
    assert known(grid)[:, 2, 3].sum() == pytest.approx(4.0, rel=1e-4)


def test_what_is_not_seen_again_stays_until_time_takes_it():
    grid = SemanticGrid(3, SPEC, Memory(half_life_s=2.0))
    grid.add(look(SPEC, {(1, 1): (1, 1.0)}), 5.0)
    grid.add(look(SPEC, {(5, 3): (0, 1.0)}), 9.0)
    assert known(grid)[1, 1, 1] == pytest.approx(0.25)
    assert known(grid)[0, 3, 5] == pytest.approx(1.0)
    grid.advance(11.0)
    assert known(grid)[0, 3, 5] == pytest.approx(0.5)


def test_time_that_went_ahead_is_forgotten_with_the_rest():
    grid = SemanticGrid(3, SPEC, Memory(half_life_s=2.0))
    grid.add(look(SPEC, {(1, 1): (1, 1.0)}), 5.0)
    grid.elapse(2.0)
    grid.clear()
    grid.add(look(SPEC, {(1, 1): (1, 1.0)}), 9.0)
    grid.advance(11.0)
    assert known(grid)[1, 1, 1] == pytest.approx(0.5)


def test_an_older_look_has_aged_and_turns_no_clock_back():
    grid = SemanticGrid(3, SPEC, Memory(half_life_s=2.0))
    grid.add(look(SPEC, {(1, 1): (1, 1.0)}), 10.0)
    grid.add(look(SPEC, {(5, 3): (0, 1.0)}), 8.0)
    assert grid.stamp_s == 10.0
    assert known(grid)[1, 1, 1] == pytest.approx(1.0)
    assert known(grid)[0, 3, 5] == pytest.approx(0.5)


def test_an_older_look_takes_less_from_what_is_known():
    grid = SemanticGrid(3, SPEC, Memory(half_life_s=2.0))
    grid.add(look(SPEC, {(1, 3): (1, 1.0)}), 10.0)
    grid.add(look(SPEC, {(1, 3): (0, 1.0)}), 8.0)
    # It weighs 0.5, of which a quarter is taken from what was there.
    assert known(grid)[:, 3, 1] == pytest.approx([0.5, 0.875, 0.0])


def test_a_long_time_loses_no_precision():
    grid = SemanticGrid(3, SPEC, Memory(half_life_s=1.0))
    for second in range(500):
        grid.add(look(SPEC, {(2, 2): (1, 1.0)}), float(second))
    # e = (e / 2) (1 - 1/4) + 1
    assert known(grid)[1, 2, 2] == pytest.approx(1.6, rel=1e-4)
    assert 1e-7 < grid.gain <= 1.0
    # 25 halvings are more than the gain has room for.
    grid.advance(499.0 + 25.0)
    assert known(grid)[1, 2, 2] == pytest.approx(1.6 * 0.5**25, rel=1e-4)
    grid.advance(1e6)
    assert np.isfinite(grid.evidence).all()
    assert not known(grid).any()


def test_cells_keep_their_places_in_the_frame():
    grid = SemanticGrid(3, SPEC, Memory(recentre_step_m=1.0))
    point = np.array([[1.6, 0.3]])
    mx, my = grid.spec.cells_of(point)[0][0]
    grid.add(look(SPEC, {(mx, my): (2, 1.0), (0, 0): (1, 1.0)}), 0.0)
    assert not grid.recentre((0.9, 0.0))
    assert grid.recentre((1.2, -0.6))
    assert grid.spec.origin_cells == (-1, -4)  # whole steps of two cells
    mx, my = grid.spec.cells_of(point)[0][0]
    expected = np.zeros((3, 5, 7), np.float32)
    expected[2, my, mx] = 1.0
    np.testing.assert_array_equal(known(grid), expected)  # the corner has left


def test_the_robot_goes_a_whole_step_either_way_before_the_grid_follows():
    # Steps of 4 cells of 0.5 m; the middle cell is 0..0.5 m along x and y.
    grid = SemanticGrid(3, SPEC, Memory(recentre_step_m=2.0))
    assert not grid.recentre((1.9, -1.4))
    assert not grid.recentre((-1.4, 1.9))
    assert grid.recentre((2.1, -1.6))
    assert grid.spec.origin_cells == (1, -6)


@pytest.mark.parametrize(
    ('resolution_m', 'step_m', 'cells'),
    [
        (0.2, 0.6, 3),  # which is 2.9999999999999996 in floats
        (0.5, 0.2, 1),  # less than half a cell
    ],
)
def test_a_step_is_a_whole_number_of_cells(resolution_m: float, step_m: float, cells: int):
    spec = GridSpec(resolution_m, (7, 5), (-3, -2))
    grid = SemanticGrid(3, spec, Memory(recentre_step_m=step_m))
    middle = (cells + 0.5) * resolution_m  # of the first cell that is a step from the middle one
    assert not grid.recentre((middle - resolution_m, 0.0))
    assert grid.recentre((middle, 0.0))
    assert grid.spec.origin_cells == (cells - 3, -2)


@pytest.mark.parametrize(
    ('there', 'kept'),
    [((1.2, -0.6), np.s_[:, :3, 2:]), ((-0.9, 1.2), np.s_[:, 2:, :5])],
)
def test_there_and_back_leaves_what_stayed_on_the_grid(there: tuple, kept: tuple):
    rng = np.random.default_rng(0)
    grid = SemanticGrid(3, SPEC, Memory(recentre_step_m=0.5))
    cells = {(x, y): (int(rng.integers(3)), 1.0) for x in range(7) for y in range(5)}
    grid.add(look(SPEC, cells), 0.0)
    before = known(grid).copy()
    assert grid.recentre(there)
    assert grid.recentre((0.2, 0.2))
    assert grid.spec == SPEC
    # Two rows and two columns have left, on the side the grid came back to.
    expected = np.zeros_like(before)
    expected[kept] = before[kept]
    np.testing.assert_array_equal(known(grid), expected)


@pytest.mark.parametrize(
    'xy',
    [
        (500.0, -500.0),
        (4.2, -2.8),  # by 8 of 7 columns and 6 of 5 rows
        (-3.8, 3.2),
    ],
)
def test_a_jump_off_the_grid_leaves_nothing(xy: tuple):
    grid = SemanticGrid(3, SPEC, Memory(recentre_step_m=0.5))
    grid.add(look(SPEC, {(mx, my): (0, 1.0) for mx in range(7) for my in range(5)}), 0.0)
    assert grid.recentre(xy)
    assert not grid.evidence.any()


def test_clear_forgets_the_time_as_well():
    grid = SemanticGrid(3, SPEC)
    grid.add(look(SPEC, {(3, 2): (0, 1.0)}), 100.0)
    grid.clear()
    assert not grid.evidence.any()
    assert grid.stamp_s is None
    grid.add(look(SPEC, {(3, 2): (1, 1.0)}), 1.0)  # time went back
    assert known(grid)[1, 2, 3] == 1.0


def test_an_observation_of_another_place_is_refused():
    grid = SemanticGrid(3, SPEC)
    with pytest.raises(ParameterError, match='after recentre'):
        grid.add(look(SPEC.moved((1, 0)), {(3, 2): (0, 1.0)}), 0.0)


def test_classes_the_grid_does_not_have_are_refused():
    grid = SemanticGrid(3, SPEC)
    with pytest.raises(ParameterError, match=r'class id 3.*3 classes'):
        grid.add(look(SPEC, {(3, 2): (3, 1.0)}), 0.0)
    grid.add(look(SPEC, {(3, 2): (200, 0.0)}), 0.0)  # not seen, so never read
    assert not grid.evidence.any()


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_what_is_not_finite_is_refused(bad: float):
    grid = SemanticGrid(3, SPEC)
    with pytest.raises(PoseError, match='stamp'):
        grid.add(look(SPEC, {}), bad)
    with pytest.raises(PoseError, match='place of the robot'):
        grid.recentre((0.0, bad))
    with pytest.raises(PoseError, match='place of the robot'):
        grid.recentre((bad, 0.0))


def test_bad_memories_are_listed():
    with pytest.raises(ParameterError, match=r'half_life.*recentre_step'):
        Memory(0.0, math.nan)


@pytest.mark.parametrize('step_m', [0.0, 1000.5])
def test_absurd_steps_are_refused(step_m: float):
    Memory(recentre_step_m=1000.0)
    with pytest.raises(ParameterError, match=f'recentre_step .* got {step_m}'):
        Memory(recentre_step_m=step_m)


@pytest.mark.parametrize('count', [0, 256])
def test_classes_that_no_mask_can_name_are_refused(count: int):
    for most_or_least in (255, 1):
        assert len(SemanticGrid(most_or_least, SPEC).evidence) == most_or_least
    with pytest.raises(ParameterError, match=f'1 to 255 classes, got {count}'):
        SemanticGrid(count, SPEC)


def test_time_without_looks_is_counted_once():
    grid = SemanticGrid(3, SPEC, Memory(half_life_s=2.0))
    grid.elapse(1.0)  # there is nothing yet, and no time either
    grid.add(look(SPEC, {(1, 1): (1, 1.0)}), 10.0)
    grid.elapse(0.5)
    grid.elapse(0.5)
    assert known(grid)[1, 1, 1] == pytest.approx(0.5**0.5)
    grid.advance(10.25)
    grid.advance(12.0)
    assert known(grid)[1, 1, 1] == pytest.approx(0.5)
    grid.advance(14.0)
    assert known(grid)[1, 1, 1] == pytest.approx(0.25)


def test_looks_whose_clock_stood_still_are_new_and_soon_age_again():
    grid = SemanticGrid(3, SPEC, Memory(half_life_s=2.0))
    grid.add(look(SPEC, {(1, 1): (1, 1.0)}), 10.0)
    grid.elapse(60.0)
    grid.add(look(SPEC, {(5, 3): (0, 1.0)}), 10.1)
    assert grid.stamp_s == 10.1
    assert known(grid)[0, 3, 5] == pytest.approx(1.0)
    assert known(grid)[1, 1, 1] == pytest.approx(0.0, abs=1e-6)
    grid.advance(11.1)
    assert known(grid)[0, 3, 5] == pytest.approx(1.0)
    grid.advance(13.1)
    assert known(grid)[0, 3, 5] == pytest.approx(0.5)
