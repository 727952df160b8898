"""What passes a limit, from times in seconds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from espnet_ros.core.rate_limit import RateLimit


def passed(times_s, rate_hz: float) -> list[float]:
    limit = RateLimit()
    return [t for t in times_s if limit.allows(t, rate_hz)]


@pytest.mark.parametrize(
    ('coming_hz', 'rate_hz', 'expected_hz'),
    [(30, 10, 10), (15, 10, 10), (12, 10, 10), (10, 10, 10), (5, 10, 5), (62, 10, 10)],
)
def test_the_rate_is_kept_whatever_comes(coming_hz, rate_hz, expected_hz):
    times = np.arange(0, 20, 1 / coming_hz)
    assert abs(len(passed(times, rate_hz)) - 20 * expected_hz) <= 1


def test_what_comes_at_the_rate_but_a_little_early_or_late_all_passes():
    jitter = np.random.default_rng(0).uniform(-0.009, 0.009, 200)
    times = np.arange(200) / 10 + jitter
    assert len(passed(times, 10.0)) == 200


@pytest.mark.parametrize(
    ('coming_hz', 'rate_hz', 'least', 'most'),
    [
        # Every third one, second one and so on, and of 20 of 30 two of three; each of 20 s.
        (30, 10, 198, 202), (30, 15, 297, 303), (30, 20, 390, 402), (30, 7.5, 148, 152),
        (15, 10, 195, 202), (60, 10, 198, 202), (30, 30, 594, 600),
    ],
)  # fmt: skip
def test_jitter_of_what_comes_hardly_changes_the_rate(coming_hz, rate_hz, least, most):
    # A sixth of a period early or late, as of a camera whose images come by the executor.
    for seed in range(5):
        jitter = np.random.default_rng(seed).uniform(-1, 1, 20 * coming_hz) / 6
        times = (np.arange(20 * coming_hz) + jitter) / coming_hz
        assert least <= len(passed(times, rate_hz)) <= most


def test_without_end_all_passes():
    assert passed([0.0, 1e-9, 2e-9], math.inf) == [0.0, 1e-9, 2e-9]


def test_what_comes_more_than_a_fifth_early_waits_for_the_next_one():
    assert passed([0.0, 0.079, 0.081], 10.0) == [0.0, 0.081]


def test_a_slot_is_good_for_less_than_a_period():
    # The slot of 0.125 s is that of 0.24 s, and the next one is at 0.25 s.
    assert passed([0.0, 0.24, 0.26], 8.0) == [0.0, 0.24, 0.26]
    # Here it is over, so the next one is a period after 0.25 s.
    assert passed([0.0, 0.25, 0.26, 0.375], 8.0) == [0.0, 0.25, 0.375]


def test_a_pause_is_not_made_up_for():
    assert passed([0.0, 2.0, 2.01, 2.02, 2.1, 2.11], 10.0) == [0.0, 2.0, 2.1]


def test_a_clock_that_goes_back_starts_anew():
    assert passed([100.0, 1.0, 1.05, 1.1], 10.0) == [100.0, 1.0, 1.1]


def test_a_clock_that_stands_still_limits_nothing():
    # As of a driver that repeats its last image, of which others are to tell.
    assert passed([7.0, 7.0, 7.0], 10.0) == [7.0, 7.0, 7.0]


def test_another_rate_counts_from_what_passed_last():
    limit = RateLimit()
    assert limit.allows(0.0, 1.0)
    assert not limit.allows(0.5, 1.0)
    assert limit.allows(0.5625, 10.0)
    assert not limit.allows(0.625, 10.0)
    assert limit.allows(0.6875, 10.0)
    # A slow one holds no longer than a fast one asks for.
    assert limit.allows(10.0, 0.04)
    assert limit.allows(10.0625, math.inf)
