"""Which pixels of an image are read for points, by hand (see ground_by_hand)."""

from __future__ import annotations

import numpy as np
from ground_by_hand import CAMERA, looking_down

from espnet_ros.core.gates import Gates
from espnet_ros.core.lattice import make_lattice


def test_the_border_begins_with_the_pixel_it_counts_to():
    gates = Gates(max_range_m=4.0, border_px=5)

    used = make_lattice(CAMERA, looking_down(), gates, 1).used

    expected = np.zeros((48, 64), bool)
    expected[5:43, 5:59] = True
    np.testing.assert_array_equal(used, expected)


def test_as_much_of_the_image_is_left_over_on_either_side():
    lattice = make_lattice(CAMERA, looking_down(), Gates(max_range_m=4.0), 5)
    # 64 columns hold thirteen steps of 5 from column 1 on, 48 rows ten from row 1.
    assert lattice.cols.tolist() == list(range(1, 64, 5))
    assert lattice.rows.tolist() == list(range(1, 48, 5))
    assert lattice.rays.shape == lattice.ground.shape == (10, 13, 3)
