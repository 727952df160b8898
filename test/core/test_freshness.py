"""The camera that is silent the longest decides."""

from __future__ import annotations

from espnet_ros.core.freshness import Freshness


def test_a_camera_that_never_came_ages_from_the_start():
    freshness = Freshness(('front', 'left'), 10.0)
    freshness.mark('front', 12.0, 1.0)
    assert freshness.oldest(13.0) == (3.0, 'left', '')
    freshness.mark('left', 13.5, 1.0)
    assert freshness.oldest(14.0) == (2.0, 'front', '')


def test_a_reason_is_kept_until_the_camera_is_back():
    freshness = Freshness(('front',), 1.0)
    freshness.skip('front', 'no pose')
    assert freshness.oldest(3.0) == (2.0, 'front', 'no pose')
    freshness.skip('front', 'no camera_info')
    assert freshness.oldest(3.0) == (2.0, 'front', 'no camera_info')
    freshness.mark('front', 3.0, 1.0)
    assert freshness.oldest(3.0) == (0.0, 'front', '')


def test_a_clock_that_starts_again_makes_no_ages_of_the_past():
    freshness = Freshness(('front',), 500.0)
    assert freshness.oldest(1.0) == (0.0, 'front', '')
    assert freshness.oldest(4.0) == (3.0, 'front', '')


def test_a_clock_that_starts_again_and_again_hides_no_silent_camera():
    freshness = Freshness(('front', 'left'), 10.0)
    freshness.mark('front', 10.5, 100.0)
    freshness.mark('left', 10.75, 100.0)
    for loop in range(1, 5):
        # Back from 10.75 to 10.0, and on to 10.75.
        assert freshness.oldest(10.0) == (0.25 + 0.75 * (loop - 1), 'front', '')
        assert freshness.oldest(10.75) == (0.25 + 0.75 * loop, 'front', '')
    freshness.mark('front', 10.75, 101.0)
    assert freshness.oldest(10.75) == (3.0, 'left', '')


def test_it_knows_which_camera_ever_brought_a_mask():
    freshness = Freshness(('front', 'left'), 10.0)
    freshness.mark('front', 11.0, 0.0)
    assert freshness.has_fed('front') and not freshness.has_fed('left')


def test_an_image_that_is_not_newer_may_not_be_marked_until_time_has_gone_back():
    freshness = Freshness(('front', 'left'), 10.0)
    assert freshness.advances('front', 100.0)
    freshness.mark('front', 11.0, 100.0)
    assert not freshness.advances('front', 100.0)
    assert not freshness.advances('front', 99.0)
    assert freshness.advances('front', 100.1)
    assert freshness.advances('left', 100.0)
    # The recording starts again.
    assert freshness.advances('front', 98.9)
    freshness.mark('front', 12.0, 98.9)
    assert not freshness.advances('front', 98.9)
    assert freshness.advances('front', 99.0)


def test_a_camera_that_leaves_its_stamps_empty_is_believed():
    freshness = Freshness(('front',), 10.0)
    freshness.mark('front', 11.0, 0.0)
    assert freshness.advances('front', 0.0)
    freshness.mark('front', 12.0, 5.0)
    assert freshness.advances('front', 0.0)


def test_simulated_time_that_begins_ages_nothing_whether_masks_came_before_or_not():
    freshness = Freshness(('front', 'left'), -1e6)
    freshness.mark('front', -1e6 + 1.0, 1.7e9)
    assert freshness.oldest(-1e6 + 3.0) == (3.0, 'left', '')
    assert freshness.oldest(1.7e9) == (0.0, 'front', '')
    assert freshness.oldest(1.7e9 + 2.0) == (2.0, 'front', '')


def test_simulated_time_may_begin_at_0():
    freshness = Freshness(('front',), -1e6)
    freshness.mark('front', -1e6 + 1.0, 1.7e9)
    assert freshness.oldest(0.0) == (0.0, 'front', '')
    assert freshness.oldest(2.0) == (2.0, 'front', '')


def test_a_clock_that_jumps_before_any_mask_ages_nothing_and_after_one_it_does():
    freshness = Freshness(('front', 'left'), 5.0)
    assert freshness.oldest(65.0) == (60.0, 'front', '')
    assert freshness.oldest(125.5) == (0.0, 'front', '')
    assert freshness.oldest(1.7e9) == (0.0, 'front', '')
    # The first mask may be what tells of the jump.
    freshness.mark('front', 1.8e9, 1.8e9)
    assert freshness.oldest(1.8e9 + 1.0) == (1.0, 'front', '')
    assert freshness.oldest(1.8e9 + 100.0) == (100.0, 'front', '')
