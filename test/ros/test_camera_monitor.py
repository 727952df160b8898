"""What is counted of a camera, as /diagnostics show it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from espnet_ros.core.errors import ImageError
from espnet_ros.ros import camera_monitor
from espnet_ros.ros.camera_monitor import CameraMonitor


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that the test moves."""
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(camera_monitor.time, 'monotonic', lambda: clock.now_s)
    return clock


def test_images_become_a_rate_and_times_by_stage(clock):
    monitor = CameraMonitor()
    for _ in range(5):
        clock.now_s += 0.1
        monitor.receive()
        monitor.process({'decode': 1.0, 'infer': 20.0, 'latency': 30.0})
    values = monitor.values()
    assert values['received'] == values['processed'] == 5
    assert values['infer_p50_ms'] == values['infer_p95_ms'] == '20.00'
    assert values['post_p50_ms'] == ''
    assert values['rate_hz'] == '10.00'


def test_silence_counts_from_the_start_and_is_shown_from_the_first_image(clock):
    monitor = CameraMonitor()
    clock.now_s += 1.9
    assert monitor.silent_s == pytest.approx(1.9)
    assert monitor.values()['seconds_since_image'] == ''
    monitor.receive()
    clock.now_s += 0.5
    assert monitor.values()['seconds_since_image'] == '0.50'


def test_rejections_are_news_once_and_stay_counted_by_reason():
    monitor = CameraMonitor()
    monitor.reject(ImageError('step', 'step is 3'))
    monitor.reject(ImageError('step', 'step is 3'))
    monitor.reject(ImageError('data', 'data is short'))
    assert monitor.news() == (3, 0)
    assert monitor.news() == (0, 0)
    values = monitor.values()
    counts = (values['rejected'], values['rejected_step'], values['rejected_data'])
    assert counts == (3, 2, 1)
    assert values['last_error'] == 'data is short'


def test_an_error_holds_until_an_image_is_good_and_stays_the_last_one():
    monitor = CameraMonitor()
    monitor.fail(RuntimeError('out of memory'))
    assert monitor.news() == (0, 1)
    assert monitor.error == 'RuntimeError: out of memory'
    monitor.process({})
    assert monitor.error == ''
    values = monitor.values()
    assert (values['failed'], values['last_error']) == (1, 'RuntimeError: out of memory')
