"""Poses by time: interpolated by hand, waited for by threads."""

from __future__ import annotations

import math
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from espnet_ros.core.errors import AbandonedError, PoseError
from espnet_ros.core.pose_history import PoseHistory

DEADLINE_S = 30.0
# Of a clock of today: the fractions must survive it.
NOW_S = 1_800_000_000.0


def pose(x: float, degrees: float = 0.0) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0, x], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def history(*stamps_s: float, **arguments) -> PoseHistory:
    """Return a history with a pose at x = stamp for each stamp."""
    filled = PoseHistory(**arguments)
    for stamp_s in stamps_s:
        filled.add(stamp_s, pose(stamp_s))
    return filled


class Asking:
    """A history asked in a thread; `waiting` is set once the question waits."""

    def __init__(self, filled: PoseHistory, stamp_s: float):
        self.waiting = threading.Event()
        wait = filled._changed.wait

        def announce(timeout=None):
            self.waiting.set()
            return wait(timeout)

        filled._changed.wait = announce
        self._pool = ThreadPoolExecutor(1)
        self.answer: Future = self._pool.submit(filled.at, stamp_s, 2 * DEADLINE_S)

    def __enter__(self):
        assert self.waiting.wait(DEADLINE_S)
        return self

    def __exit__(self, *_):
        self._pool.shutdown()


def test_halfway_between_two_poses():
    filled = PoseHistory()
    filled.add(NOW_S, pose(2, 0))
    filled.add(NOW_S + 0.5, pose(6, 90))
    np.testing.assert_allclose(filled.at(NOW_S + 0.25, 0), pose(4, 45), atol=1e-9)
    np.testing.assert_allclose(filled.at(NOW_S + 0.125, 0), pose(3, 22.5), atol=1e-9)


def test_neighbours_are_found_among_many():
    filled = history(10.0, 10.5, 11.0, 11.5, 12.0)
    for stamp_s in (10.0, 10.2, 11.0, 11.4, 12.0):
        np.testing.assert_allclose(filled.at(stamp_s, 0), pose(stamp_s), atol=1e-12)


def test_a_time_at_a_pose_needs_no_neighbour():
    np.testing.assert_array_equal(history(7.0).at(7.0, 0), pose(7))


def test_it_waits_for_a_pose_at_or_after_the_stamp():
    filled = history(1.0)
    with Asking(filled, 1.5) as asking:
        filled.add(1.25, pose(1.25))
        filled.add(1.75, pose(1.75))
        np.testing.assert_allclose(asking.answer.result(DEADLINE_S), pose(1.5), atol=1e-12)


def test_one_pose_is_enough_for_all_that_wait():
    filled = history(1.0)
    with Asking(filled, 1.5) as first, Asking(filled, 1.25) as second:
        filled.add(1.5, pose(1.5))
        np.testing.assert_array_equal(first.answer.result(DEADLINE_S), pose(1.5))
        np.testing.assert_allclose(second.answer.result(DEADLINE_S), pose(1.25), atol=1e-12)


def test_it_waits_for_the_first_pose_of_all():
    filled = PoseHistory()
    with Asking(filled, 1.0) as asking:
        filled.add(1.0, pose(1.0))
        np.testing.assert_array_equal(asking.answer.result(DEADLINE_S), pose(1.0))


def test_no_pose_ever():
    with pytest.raises(PoseError, match=r'no odometry has arrived, even after waiting 0\.01 s'):
        PoseHistory().at(1.0, 0.01)
    assert PoseHistory().newest() is None


def test_late_by_how_much():
    with pytest.raises(PoseError, match=r'newest odometry is 0\.250 s older .* waiting 0\.01 s'):
        history(1.0).at(1.25, 0.01)


def test_older_than_all():
    with pytest.raises(PoseError, match=r'image is 0\.500 s older than the oldest'):
        history(1.0, 1.5).at(0.5, 0)


def test_a_pause_is_not_bridged():
    filled = history(1.0, 2.0, 3.0625)
    np.testing.assert_allclose(filled.at(1.5, 0), pose(1.5), atol=1e-12)
    np.testing.assert_array_equal(filled.at(2.0, 0), pose(2.0))
    with pytest.raises(PoseError, match=r'paused for 1\.06 s'):
        filled.at(2.25, 0)


def test_a_straggler_is_left_out():
    filled = history(1.0, 2.0)
    # A second back may be one, more is a restart.
    for stamp_s in (1.0, 1.5, 2.0):
        filled.add(stamp_s, pose(-100))
    np.testing.assert_allclose(filled.at(1.5, 0), pose(1.5), atol=1e-12)
    np.testing.assert_array_equal(filled.at(2.0, 0), pose(2.0))


def test_a_restart_empties_it():
    assert history(100.0, 100.5, 99.4375).newest()[0] == 99.4375
    filled = history(100.0, 100.5)
    filled.add(3.0, pose(3.0))
    assert filled.newest()[0] == 3.0
    np.testing.assert_array_equal(filled.at(3.0, 0), pose(3.0))
    with pytest.raises(PoseError, match='newest odometry is 97'):
        filled.at(100.0, 0.0)


def test_one_stamp_far_ahead_does_not_block_what_follows():
    filled = history(1.0, 5000.0, 1.5, 2.0)
    np.testing.assert_allclose(filled.at(1.75, 0), pose(1.75), atol=1e-12)


def test_it_forgets_what_is_old():
    filled = history(*np.arange(0.0, 10.0, 0.5), keep_s=2.0)
    np.testing.assert_allclose(filled.at(7.75, 0), pose(7.75), atol=1e-12)
    with pytest.raises(PoseError, match='older than the oldest'):
        filled.at(7.25, 0)
    # After a pause that may be all there was.
    filled.add(60.0, pose(60.0))
    with pytest.raises(PoseError, match=r'52\.000 s older than the oldest'):
        filled.at(8.0, 0)


def test_it_forgets_what_is_too_much():
    filled = history(*np.arange(0.0, 1.0, 0.125), max_poses=3)
    np.testing.assert_array_equal(filled.at(0.625, 0), pose(0.625))
    with pytest.raises(PoseError, match='older than the oldest'):
        filled.at(0.5, 0)


def test_newest_is_stamp_and_pose():
    stamp_s, T = history(1.0, 2.5).newest()
    assert stamp_s == 2.5
    np.testing.assert_array_equal(T, pose(2.5))


def test_what_was_added_can_not_be_changed_from_outside():
    given = pose(1.0)
    filled = PoseHistory()
    filled.add(1.0, given)
    given[0, 3] = 9.0
    T = filled.at(1.0, 0)
    np.testing.assert_array_equal(T, pose(1.0))
    with pytest.raises(ValueError, match='read-only'):
        T[0, 3] = 9.0


def test_what_is_no_pose_is_refused():
    filled = history(1.0)
    with pytest.raises(PoseError, match='T_grid_base must be finite'):
        filled.add(1.5, pose(math.nan))
    with pytest.raises(PoseError, match='rotation with a translation'):
        filled.add(1.5, 2 * pose(0.0))
    assert filled.newest()[0] == 1.0


def test_many_askers_and_one_writer():
    filled = history(0.0)
    stamps_s = np.arange(0.05, 4.0, 0.1)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(filled.at, float(s), DEADLINE_S) for s in stamps_s]
        for stamp_s in np.arange(0.1, 4.2, 0.1):
            filled.add(float(stamp_s), pose(float(stamp_s)))
        for stamp_s, answer in zip(stamps_s, answers, strict=True):
            T = answer.result(DEADLINE_S)
            np.testing.assert_allclose(T, pose(stamp_s), atol=1e-12)


def test_waiting_ends_when_it_is_not_allowed_and_is_possible_again():
    filled = history(NOW_S)
    with Asking(filled, NOW_S + 0.5) as asking:
        filled.allow_waiting(False)
        with pytest.raises(AbandonedError):
            asking.answer.result(DEADLINE_S)
    # What is there needs no waiting.
    np.testing.assert_array_equal(filled.at(NOW_S, DEADLINE_S), pose(NOW_S))
    with pytest.raises(AbandonedError):
        filled.at(NOW_S + 0.5, 2 * DEADLINE_S)
    filled.allow_waiting(True)
    with Asking(filled, NOW_S + 0.5) as asking:
        filled.add(NOW_S + 0.5, pose(7))
        np.testing.assert_array_equal(asking.answer.result(DEADLINE_S), pose(7))
