from __future__ import annotations

import pytest

from espnet_ros.benchmark.timing import Pace, full_speed, paced, percentiles, uploads_ms


class Clock:
    """A clock that only work and sleep move on."""

    def __init__(self, *work_s: float) -> None:
        self.now = 100.0
        self.work_s = list(work_s)
        self.steps: list[int] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def step(self, index: int) -> dict[str, float]:
        self.steps.append(index)
        took = self.work_s[(len(self.steps) - 1) % len(self.work_s)]
        self.now += took
        return {'infer': took * 750.0}


def test_percentiles_by_hand():
    # Rank of p95 among 0..4 is 0.95 * 4 = 3.8, between 40 and 50; of p99 it is 3.96.
    assert percentiles([50.0, 10.0, 30.0, 20.0, 40.0]) == {'p50': 30.0, 'p95': 48.0, 'p99': 49.6}


def test_full_speed_until_the_time_is_up():
    clock = Clock(0.25, 0.5)
    times = full_speed(clock.step, 0.6, clock)
    assert clock.steps == [0, 1]
    assert times['end_to_end'] == pytest.approx([250.0, 500.0])
    assert times['infer'] == pytest.approx([187.5, 375.0])


def test_full_speed_takes_one_image_at_least():
    clock = Clock(0.25)
    assert len(full_speed(clock.step, 0.0, clock)['infer']) == 1


def test_a_slow_pipeline_takes_the_newest_and_misses_the_others():
    # Images come at 0, 0.1, 0.2, 0.3, 0.4 s; it looks at 0, 0.25 and 0.5 s.
    clock = Clock(0.25)
    assert paced(clock.step, 5, 10.0, clock, clock.sleep) == Pace(arrived=5, done=3)
    assert clock.steps == [0, 2, 4]


def test_a_fast_pipeline_waits_for_each_image():
    clock = Clock(0.03)
    pace = paced(clock.step, 7, 10.0, clock, clock.sleep)
    assert clock.steps == list(range(7))
    assert pace.missed == 0
    assert clock.now == pytest.approx(100.0 + 0.6 + 0.03)


def test_uploads_are_timed_one_by_one():
    clock = Clock(0.25, 0.5)

    def upload():
        clock.step(0)
        return True

    assert uploads_ms(upload, clock) == pytest.approx(10 * [250.0, 500.0])


def test_no_upload_takes_no_time():
    assert uploads_ms(lambda: False) == []
