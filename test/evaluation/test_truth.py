from __future__ import annotations

import math

import numpy as np


def flags(truth, index, points):
    in_view, shown = truth.sees(index, np.array(points, float))
    return in_view.tolist(), shown.tolist()


def test_in_view_is_what_the_image_shows_within_8_m(make_truth):
    points = [
        (1.0, 0.0),  # on the optical axis
        (7.9, 0.0), (8.1, 0.0),  # the range
        (0.1, 0.0), (0.05, 0.0),  # v < 37 where x > 0.0667
        (1.0, 1.9), (1.0, 2.0),  # u > 2 where y < 27.5 z / 20 = 1.945
        (1.0, -1.9), (1.0, -2.0),
        (-2.0, 0.0),  # behind the camera
    ]  # fmt: skip
    expected = [True, True, False, True, False, True, False, True, False, False]
    assert flags(make_truth(), 0, points) == (expected, expected)


def test_what_something_nearer_hides_is_in_view_but_not_shown(make_truth):
    truth = make_truth()
    # (3, 0) is at u 29.5, v 9.5, which rounds to an even pixel; its depth is 4 s = 2.83 m.
    truth.depth_m[0, 8:12, 20:40] = 2.5
    assert flags(truth, 0, [(3.0, 0.0), (1.0, 0.0)]) == ([True, True], [False, True])
    # Within 0.1 m and 5 % of the depth, it is the place itself.
    truth.depth_m[0, 8:12, 20:40] = 2.65
    assert flags(truth, 0, [(3.0, 0.0)]) == ([True], [True])


def test_the_view_goes_with_the_robot(make_truth, moved):
    truth = make_truth([np.eye(4), moved(10.0, 5.0, math.pi / 2)])
    assert truth.foot(1).tolist() == [10.0, 5.0]
    # 1 m ahead is up the y axis now.
    assert flags(truth, 1, [(10.0, 6.0), (11.0, 5.0)])[0] == [True, False]


def test_a_place_was_last_shown_by_the_last_image_that_nothing_hid_it_in(make_truth):
    truth = make_truth([np.eye(4)] * 3)
    truth.depth_m[2, :, 30:] = 0.3
    truth.depth_m[:, :, :15] = 0.3
    # Right of the middle, so hidden in the last image; left of it; hidden always.
    points = np.array([(1.0, -0.5), (1.0, 0.5), (1.0, 1.5)])
    assert truth.last_shown(2, points).tolist() == [1, 2, 2]


def test_classes_are_those_of_each_points_own_time(make_truth):
    def class_at(xy, stamp_s):
        return np.full(len(xy), round(stamp_s * 100), np.uint8)

    truth = make_truth([np.eye(4)] * 4, class_at)
    points = np.zeros((3, 2))
    # 10 images a second.
    assert truth.classes(points, np.array([3, 0, 3])).tolist() == [30, 0, 30]
