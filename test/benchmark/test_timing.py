from __future__ import annotations

import pytest

from espnet_ros.benchmark.timing import Pace, full_speed, paced, uploads_ms


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


def test_full_speed_until_the_time_is_up():
    clock = Clock(0.25, 0.5)
    times = full_speed(clock.step, 0.6, clock)
    assert clock.steps == [0, 1]
    assert times['end_to_end'] == pytest.approx([250.0, 500.0])
    assert times['infer'] == pytest.approx([187.5, 375.0])


def test_full_speed_takes_one_image_at_least():
    clock = Clock(0.25)
    assert len(full_speed(clock.step, 0.0, clock)['infer']) == 1


def pace_of(work_s: float, count: int) -> tuple[Pace, list[int], Clock]:
    clock = Clock(work_s)
    return paced(clock.step, count, 10.0, clock, clock.sleep), clock.steps, clock


def test_a_slow_pipeline_takes_the_newest_and_misses_the_others():
    # Images come at 0, 0.1, 0.2, 0.3, 0.4 s; it looks at 0 and 0.25 s, and is done at 0.5 s.
    pace, steps, _ = pace_of(0.25, 5)
    assert (pace.arrived, pace.done, pace.seconds) == (5, 2, pytest.approx(0.5))
    assert steps == [0, 2]


def test_a_fast_pipeline_waits_for_each_image():
    pace, steps, clock = pace_of(0.03, 7)
    assert steps == list(range(7))
    # The last image's period counts as a whole: not 7 images in 0.63 s, faster than they come.
    assert (pace.arrived, pace.missed, pace.seconds) == (7, 0, pytest.approx(0.7))
    assert clock.now == pytest.approx(100.0 + 0.6 + 0.03)


def test_what_comes_while_the_last_image_is_processed_counts():
    # 500 ms for an image in a round of one period: 2 a second, and four of five are missed.
    pace, steps, _ = pace_of(0.5, 1)
    assert steps == [0]
    assert (pace.arrived, pace.missed, pace.seconds) == (5, 4, pytest.approx(0.5))


def test_an_image_that_still_waits_is_not_missed():
    # Image 1 came at 0.1 s, was waiting at the end at 0.15 s, and no newer one had replaced it.
    pace, _, _ = pace_of(0.15, 1)
    assert (pace.arrived, pace.missed, pace.seconds) == (1, 0, pytest.approx(0.15))


def test_a_clock_that_jumps_over_the_end_takes_no_more():
    clock = Clock(0.03)

    def oversleep(seconds: float) -> None:
        clock.now += seconds + 0.2

    # Image 1 is looked at at 0.3 s; the next look is after the end.
    pace = paced(clock.step, 5, 10.0, clock, oversleep)
    assert clock.steps == [0, 3]
    assert (pace.arrived, pace.done, pace.seconds) == (6, 2, pytest.approx(0.6))


def test_uploads_are_timed_one_by_one():
    clock = Clock(0.25, 0.5)

    def upload():
        clock.step(0)
        return True

    assert uploads_ms(upload, clock) == pytest.approx(10 * [250.0, 500.0])


def test_no_upload_takes_no_time():
    assert uploads_ms(lambda: False) == []
