"""The statuses on /diagnostics, and how a camera is judged by its counters."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ImageError
from espnet_ros.ros import camera_monitor
from espnet_ros.ros.camera_monitor import CameraMonitor
from espnet_ros.ros.diagnostics import idle_statuses, judge_camera, make_status
from espnet_ros.ros.model import NO_FACTS

CONFIG = NodeConfig()


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that the test moves."""
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(camera_monitor.time, 'monotonic', lambda: clock.now_s)
    return clock


def verdict(monitor, state='active', config=CONFIG, progress=''):
    return judge_camera(state, config, monitor, lambda: 'the reason', progress)


def test_every_value_is_published_as_text():
    status = make_status(
        '/segmentation: image', DiagnosticStatus.WARN, 'm', {'device': 'CPU', 'n': 3}
    )
    assert status.level == DiagnosticStatus.WARN
    assert status.hardware_id == 'CPU'
    assert [(v.key, v.value) for v in status.values] == [('device', 'CPU'), ('n', '3')]


def test_a_node_that_is_not_configured_has_the_keys_of_one_that_is():
    facts = {'state': 'unconfigured', **NO_FACTS}
    front, left = idle_statuses('/segmentation', facts, ['front', 'left'], 'no model', '')
    assert (front.name, left.name) == ('/segmentation: front', '/segmentation: left')
    assert (front.level, front.message) == (DiagnosticStatus.ERROR, 'not configured: no model')
    found = {v.key: v.value for v in front.values}
    assert found.keys() == {*facts, *CameraMonitor().values()}
    assert (found['backend'], found['last_error']) == ('', 'no model')


def test_a_node_that_waits_says_for_what():
    said = [
        idle_statuses('/n', {'state': 'configuring'}, ['image'], '', progress)[0]
        for progress in ('', 'building an engine')
    ]
    assert [(s.level, s.message) for s in said] == [
        (DiagnosticStatus.OK, 'configuring'),
        (DiagnosticStatus.OK, 'building an engine'),
    ]


def test_a_camera_that_runs_is_ok_with_its_rate(clock):
    monitor = CameraMonitor()
    for _ in range(5):
        clock.now_s += 0.1
        monitor.receive()
        monitor.process({})
    assert verdict(monitor) == (DiagnosticStatus.OK, 'segmenting at 10.0 Hz')


def test_silence_warns_with_the_reason_after_the_limit(clock):
    monitor = CameraMonitor()
    clock.now_s += 1.9
    assert verdict(monitor)[0] == DiagnosticStatus.OK
    clock.now_s += 0.2
    assert verdict(monitor) == (DiagnosticStatus.WARN, 'no image for 2.1 s: the reason')
    monitor.receive()
    clock.now_s += 0.5
    assert verdict(monitor)[0] == DiagnosticStatus.OK


def test_what_images_wait_for_warns():
    said = verdict(CameraMonitor(), progress='building an engine')
    assert said == (DiagnosticStatus.WARN, 'building an engine')


def test_a_rejection_warns_until_an_image_is_good():
    monitor = CameraMonitor()
    monitor.receive()
    monitor.reject(ImageError('step', 'step is 3'))
    monitor.reject(ImageError('data', 'data is short'))
    assert verdict(monitor) == (DiagnosticStatus.WARN, 'images rejected: 2 (data is short)')
    assert verdict(monitor) == (DiagnosticStatus.WARN, 'no good image since: data is short')
    monitor.process({})
    assert verdict(monitor)[0] == DiagnosticStatus.OK


def test_a_fault_is_an_error():
    monitor = CameraMonitor()
    monitor.receive()
    monitor.fail(RuntimeError('out of memory'))
    assert verdict(monitor) == (
        DiagnosticStatus.ERROR,
        'images lost: 1 (RuntimeError: out of memory)',
    )
    assert verdict(monitor)[0] == DiagnosticStatus.WARN
    monitor.process({})
    assert verdict(monitor)[0] == DiagnosticStatus.OK


def test_other_states_and_disabled_are_ok(clock):
    monitor = CameraMonitor()
    disabled = NodeConfig.from_parameters({'enabled': False})
    assert verdict(monitor, config=disabled) == (DiagnosticStatus.OK, 'disabled')
    clock.now_s += 60
    assert verdict(monitor, state='inactive') == (DiagnosticStatus.OK, 'inactive')


def test_a_calibration_problem_warns():
    monitor = CameraMonitor()
    monitor.camera_info_problem = 'no K'
    assert verdict(monitor) == (DiagnosticStatus.WARN, 'no K')


def test_a_camera_without_calibration_is_ok_and_says_so():
    monitor = CameraMonitor()
    monitor.camera_info_missing = 'no camera_info'
    assert verdict(monitor) == (DiagnosticStatus.OK, 'segmenting at 0.0 Hz; no camera_info')
