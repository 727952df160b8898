"""Rolling figures, by hand."""

from __future__ import annotations

import pytest

from espnet_ros.core.statistics import (
    RollingPercentiles,
    RollingRate,
    StageTimes,
    percentiles,
    rounded,
)


def test_percentiles_by_hand():
    # Rank of p95 among 0..4 is 0.95 * 4 = 3.8, between 40 and 50; of p99 it is 3.96.
    assert percentiles([50.0, 10.0, 30.0, 20.0, 40.0]) == {'p50': 30.0, 'p95': 48.0, 'p99': 49.6}
    assert percentiles([1.0, 0.0], (25,)) == {'p25': 0.25}
    assert percentiles([1.23456], (50,)) == {'p50': 1.235}


def test_of_nothing_there_is_no_percentile():
    assert percentiles([], (50, 95)) == {'p50': None, 'p95': None}


def test_what_is_no_number_is_no_figure():
    assert rounded(0.123456, 4) == 0.1235
    assert rounded(None, 4) is None and rounded(float('nan'), 4) is None


def test_percentiles_are_linear_between_values():
    window = RollingPercentiles()
    for value in (40.0, 10.0, 30.0, 20.0):
        window.add(value)
    assert window.percentiles((50, 0, 100)) == [25.0, 10.0, 40.0]


def test_the_oldest_value_is_forgotten():
    window = RollingPercentiles(capacity=3)
    for value in (1000.0, 1.0, 2.0, 3.0):
        window.add(value)
    assert window.percentiles([100]) == [3.0]


def test_nothing_yet_is_none_and_no_rate():
    assert RollingPercentiles().percentiles((50, 95)) == [None, None]
    rate = RollingRate()
    assert rate.rate_hz(1.0) == 0.0
    rate.add(1.0)
    assert rate.rate_hz(1.0) == 0.0


def test_the_rate_is_intervals_over_time():
    rate = RollingRate(horizon_s=5.0)
    for time_s in (10.0, 10.1, 10.2, 10.4):
        rate.add(time_s)
    assert rate.rate_hz(10.4) == pytest.approx(3 / 0.4)


def test_the_rate_of_a_stream_that_stopped_falls_to_zero():
    rate = RollingRate(horizon_s=5.0)
    rate.add(10.0)
    rate.add(10.5)
    assert rate.rate_hz(14.9) == pytest.approx(2.0)
    assert rate.rate_hz(15.6) == 0.0


def test_events_at_one_instant_have_no_rate():
    rate = RollingRate()
    rate.add(2.0)
    rate.add(2.0)
    assert rate.rate_hz(2.0) == 0.0


def test_a_stage_that_nobody_named_is_refused():
    with pytest.raises(KeyError):
        StageTimes(('infer', 'post')).add({'typo': 1.0})


def test_stages_are_kept_apart_and_told_as_text_and_nothing_of_what_did_not_come():
    times = StageTimes(('infer', 'post'))
    times.add({'infer': 10.0})
    times.add({'infer': 20.0})
    assert times.values() == {
        'infer_p50_ms': '15.00', 'infer_p95_ms': '19.50', 'post_p50_ms': '', 'post_p95_ms': '',
    }  # fmt: skip
