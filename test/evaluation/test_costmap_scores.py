from __future__ import annotations

import math

import numpy as np
import pytest

from espnet_ros.evaluation.costmap_scores import Tally, compare, compare_known

# Six columns of 0.5 m from x = 1, four rows from y = -1: the wall, from x = 3 on, covers the last
# two columns.
CELLS = [
    [100, 0, 0, 0, 100, -1],
    [0, 0, 0, 100, 100, -1],
    [0, -1, 0, 0, 100, -1],
    [0, 0, 0, 30, 20, -1],
]


def test_centers_go_row_by_row_from_the_origin(make_costmap):
    costmap = make_costmap([[0, 1, 2], [3, 4, 5]], origin=(-3.0, 7.0))
    assert costmap.centers().tolist() == [
        [-2.75, 7.25], [-2.25, 7.25], [-1.75, 7.25], [-2.75, 7.75], [-2.25, 7.75], [-1.75, 7.75],
    ]  # fmt: skip
    assert costmap.at(costmap.centers(), costmap.cells, -1).tolist() == [0, 1, 2, 3, 4, 5]
    outside = np.array([[-3.1, 7.2], [-1.4, 7.2], [-2.0, 6.9], [-2.0, 8.1]])
    assert costmap.at(outside, costmap.cells, 9).tolist() == [9] * 4


def test_cells_are_counted_as_derived_by_hand(make_truth, make_costmap, labels):
    # Ground by truth: 16 cells, of which 13 are taken for it; so is one of the wall: 13 of 17.
    # Of three wrong marks in column 0 and 3 one is free of the wall, the other borders on it.
    # Known are 24 - 5 cells.
    tally = compare(make_costmap(CELLS), make_truth(), 0, labels)
    assert (tally.both, tally.either, tally.wrong, tally.known) == (13, 17, 1, 19)
    assert tally.ground_iou == 13 / 17 and tally.false_obstacle_rate == 1 / 19


def test_cells_out_of_view_or_hidden_and_unknown_are_left_out(make_truth, make_costmap, labels):
    truth = make_truth()
    # The left half of the image, so the upper two rows of cells, are hidden. What is known in
    # them stays in the count; the one ground cell that is not is missed no more.
    truth.depth_m[0, :, :30] = 0.2
    tally = compare(make_costmap(CELLS), truth, 0, labels)
    assert (tally.both, tally.either, tally.known) == (13, 16, 19)
    # 10 m further nothing is in view.
    far = make_costmap(CELLS, origin=(11.0, -1.0))
    assert compare(far, truth, 0, labels) == Tally(edges=tally.edges)
    assert compare_known(far, make_truth(), 0, labels).known == 19


def test_edges_are_found_within_one_cell(make_truth, make_costmap, labels):
    truth = make_truth()
    every = compare(make_costmap(CELLS), truth, 0, labels)
    # atan(1 / 3) to both sides in steps of 0.2 degrees: 184 or 185 rays meet the wall.
    assert every.edges in (184, 185) and every.found == every.edges
    cells = np.zeros((4, 6), np.int8)
    cells[0, 4] = 100
    half = compare(make_costmap(cells), truth, 0, labels)
    # Marked for y < -0.5, found for y < 0.
    assert half.obstacle_recall == pytest.approx(0.5, abs=0.01)
    # The cells before the face, and those before them.
    for column, recall in ((3, 1.0), (2, 0.0)):
        cells[:], cells[:, column] = 0, 100
        assert compare(make_costmap(cells), truth, 0, labels).obstacle_recall == recall
    cells[:] = 98
    assert compare(make_costmap(cells), truth, 0, labels).found == 0


# To the left, and straight back, where headings jump by 360 degrees.
@pytest.mark.parametrize(('quarters', 'origin'), [(1, (9.0, 6.0)), (2, (6.0, 4.0))])
def test_edges_are_looked_for_where_the_camera_looks(
    make_truth, make_costmap, labels, moved, quarters, origin
):
    pose = moved(10.0, 5.0, quarters * math.pi / 2)

    def wall(xy, stamp_s):
        """The same wall, 3 m ahead of a robot that has gone elsewhere and turned."""
        ahead, aside = ((xy - pose[:2, 3]) @ pose[:2, :2]).T
        return np.where((ahead >= 3.0) & (np.abs(aside) < 1.0), 1, 0)

    costmap = make_costmap(np.rot90(CELLS, -quarters), origin=origin)
    tally = compare(costmap, make_truth([pose], wall), 0, labels)
    assert tally.edges in (184, 185) and tally.found == tally.edges


def test_edges_that_the_image_does_not_show_are_not_looked_for(make_truth, make_costmap, labels):
    truth = make_truth()
    truth.depth_m[0, :, :30] = 0.2
    half = compare(make_costmap(CELLS), truth, 0, labels)
    assert half.edges == pytest.approx(92, abs=1)


def test_who_walked_on_behind_something_was_no_false_obstacle(make_truth, make_costmap, labels):
    def walker(xy, stamp_s):
        """Stands in the first cell until the second image."""
        first = (xy[:, 0] < 1.5) & (xy[:, 1] < -0.5)
        return np.where(first & (stamp_s < 0.05), 1, 0)

    truth = make_truth([np.eye(4)] * 2, walker)
    cells = [[100, 0], [0, 0]]
    seen = compare(make_costmap(cells), truth, 1, labels)
    assert seen.wrong == 1, 'the second image showed that nobody is there any more'
    # Right of the middle.
    truth.depth_m[1, :, 30:] = 0.2
    hidden = compare(make_costmap(cells), truth, 1, labels)
    assert (hidden.wrong, hidden.both, hidden.either) == (0, 3, 3)


def test_who_came_while_the_ground_was_hidden_is_rightly_marked(
    make_truth, make_costmap, labels
):
    def visitor(xy, stamp_s):
        """Stands in the first cell at the second image only."""
        first = (xy[:, 0] < 1.5) & (xy[:, 1] < -0.5)
        return np.where(first & (stamp_s > 0.05) & (stamp_s < 0.15), 1, 0)

    truth = make_truth([np.eye(4)] * 3, visitor)
    # Right of the middle, in the last two images.
    truth.depth_m[1:, :, 30:] = 0.2
    costmap = make_costmap([[100, 0], [0, 0]])
    assert compare(costmap, truth, 2, labels).wrong == 0
    # Out of view by then, nobody could have marked it.
    truth.poses[1:, 0, 3] = 20.0
    assert compare_known(costmap, truth, 2, labels).wrong == 1


def test_tallies_add_up_and_nothing_has_no_share():
    total = Tally(1, 2, 4, 3, 5, 10) + Tally(2, 2, 1, 1, 0, 10)
    assert total == Tally(3, 4, 5, 4, 5, 20)
    shares = (total.ground_iou, total.obstacle_recall, total.false_obstacle_rate)
    assert shares == (0.75, 0.8, 0.25)
    nothing = Tally()
    assert nothing.ground_iou is nothing.obstacle_recall is nothing.false_obstacle_rate is None
