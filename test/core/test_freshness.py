"""The camera that is silent the longest decides."""

from __future__ import annotations

from espnet_ros.core.freshness import Freshness


def test_a_camera_that_never_came_ages_from_the_start():
    freshness = Freshness(('front', 'left'), 10.0)
    freshness.mark('front', 12.0)
    assert freshness.oldest(13.0) == (3.0, 'left', '')
    freshness.mark('left', 12.5)
    assert freshness.oldest(13.0) == (1.0, 'front', '')


def test_a_reason_is_news_once_and_is_forgotten_when_the_camera_is_back():
    freshness = Freshness(('front',), 0.0)
    assert freshness.skip('front', 'no pose')
    assert not freshness.skip('front', 'no pose')
    assert freshness.oldest(2.0) == (2.0, 'front', 'no pose')
    assert freshness.skip('front', 'no camera_info')
    freshness.mark('front', 3.0)
    assert freshness.oldest(3.0) == (0.0, 'front', '')
    assert freshness.skip('front', 'no pose')


def test_a_clock_that_starts_again_makes_no_ages_of_the_past():
    freshness = Freshness(('front',), 500.0)
    assert freshness.oldest(1.0) == (0.0, 'front', '')
    assert freshness.oldest(4.0) == (3.0, 'front', '')
