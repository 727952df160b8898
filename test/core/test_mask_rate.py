"""Masks that come into the grid, of recordings played at any speed."""

from __future__ import annotations

import itertools

import pytest

from espnet_ros.core.mask_rate import MaskRate


def passed_s(speed: float, rate_hz: float, camera_hz: float = 30.0, count: int = 601):
    """Return when masks come into the grid, seconds of a clock that does not know the speed."""
    rate = MaskRate()
    times = [(100.0 + i / camera_hz, 7.0 + i / camera_hz / speed) for i in range(count)]
    return [now_s for stamp_s, now_s in times if rate.allows(stamp_s, now_s, rate_hz)]


@pytest.mark.parametrize('speed', [1.0, 4.0])
def test_stamps_count_however_fast_a_recording_is_played(speed):
    # 20 s by the stamps.
    assert len(passed_s(speed, 10.0)) == 201


@pytest.mark.parametrize('speed', [0.2, 0.05])
def test_of_a_recording_played_slowly_no_mask_is_left_out_for_longer_than_a_period(speed):
    times = passed_s(speed, 10.0)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    # An image comes each 0.167 or 0.667 s, none of which is one too many.
    assert len(times) == 601 and max(gaps) < 0.7


def test_what_comes_out_of_turn_takes_the_next_turn():
    rate = MaskRate()
    assert rate.allows(5.0, 0.0, 10.0)
    assert not rate.allows(5.05, 0.05, 10.0)
    assert not rate.allows(5.055, 0.14, 10.0)
    assert rate.allows(5.06, 0.16, 10.0)
    assert not rate.allows(5.12, 0.22, 10.0)
    assert rate.allows(5.15, 0.25, 10.0)


def test_a_clock_that_begins_anew_leaves_the_stamps_to_count():
    rate = MaskRate()
    assert rate.allows(5.0, 500.0, 10.0)
    assert not rate.allows(5.05, 1.0, 10.0)
    assert rate.allows(5.1, 1.05, 10.0)
