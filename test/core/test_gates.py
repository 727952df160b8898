"""Which part of an image is trusted, by hand."""

from __future__ import annotations

import math

import pytest

from espnet_ros.core.errors import ParameterError, PoseError
from espnet_ros.core.gates import Gates


def test_bad_gates_are_listed():
    with pytest.raises(ParameterError, match=r'max_range.*min_range.*min_depression.*border'):
        Gates(-1.0, -1.0, 90.0, -2)


def test_a_low_camera_does_not_reach_as_far_as_the_range():
    gates = Gates(max_range_m=8.0, min_depression_deg=45.0)
    assert gates.reach_m(1.5) == pytest.approx(1.5)
    assert gates.reach_m(9.0) == 8.0
    low = Gates(max_range_m=8.0, min_depression_deg=30.0)
    assert low.reach_m(1.0) == pytest.approx(math.sqrt(3))


def test_the_border_leaves_the_pixels_between():
    assert Gates(border_px=0).used_px((7, 5)) == ((0, 0), (7, 5))
    assert Gates(border_px=2).used_px((7, 5)) == ((2, 2), (5, 3))


@pytest.mark.parametrize(('size_wh', 'most'), [((7, 6), 2), ((5, 9), 2), ((6, 2), 0)])
def test_a_border_that_leaves_none_names_the_widest_that_does(size_wh, most):
    with pytest.raises(PoseError, match=f'border of 3 pixels .* set it to {most} at most'):
        Gates(border_px=3).used_px(size_wh)
    Gates(border_px=most).used_px(size_wh)
