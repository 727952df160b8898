"""What a camera's counters become on /diagnostics."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ImageError
from espnet_ros.ros import diagnostics
from espnet_ros.ros.diagnostics import CameraMonitor, judge, make_status, why_silent

CONFIG = NodeConfig()


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that the test moves."""
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(diagnostics.time, 'monotonic', lambda: clock.now_s)
    return clock


def verdict(monitor, state='active', config=CONFIG):
    return judge(state, config, monitor, lambda: 'the reason')


def test_a_camera_that_runs_is_ok_with_its_rate(clock):
    monitor = CameraMonitor()
    for _ in range(5):
        clock.now_s += 0.1
        monitor.receive()
        monitor.process({'decode': 1.0, 'infer': 20.0, 'latency': 30.0})
    assert verdict(monitor) == (DiagnosticStatus.OK, 'segmenting at 10.0 Hz')
    values = monitor.values()
    assert values['received'] == values['processed'] == 5
    assert values['infer_p50_ms'] == values['infer_p95_ms'] == '20.00'
    assert values['post_p50_ms'] == ''
    assert values['rate_hz'] == '10.00'


def test_silence_warns_with_the_reason_after_the_limit(clock):
    monitor = CameraMonitor()
    clock.now_s += 1.9
    assert verdict(monitor)[0] == DiagnosticStatus.OK
    assert monitor.values()['seconds_since_image'] == ''
    clock.now_s += 0.2
    assert verdict(monitor) == (DiagnosticStatus.WARN, 'no image for 2.1 s: the reason')
    monitor.receive()
    clock.now_s += 0.5
    assert verdict(monitor)[0] == DiagnosticStatus.OK
    assert monitor.values()['seconds_since_image'] == '0.50'


def test_a_rejection_warns_once_and_stays_counted(clock):
    monitor = CameraMonitor()
    monitor.receive()
    monitor.reject(ImageError('step', 'step is 3'))
    monitor.reject(ImageError('step', 'step is 3'))
    monitor.reject(ImageError('data', 'data is short'))
    assert verdict(monitor) == (DiagnosticStatus.WARN, '3 images rejected: data is short')
    assert verdict(monitor) == (DiagnosticStatus.WARN, 'no good image since: data is short')
    monitor.process({})
    assert verdict(monitor)[0] == DiagnosticStatus.OK
    assert monitor.error == ''
    values = monitor.values()
    counts = (values['rejected'], values['rejected_step'], values['rejected_data'])
    assert counts == (3, 2, 1)
    assert values['last_error'] == 'data is short'


def test_a_fault_is_an_error(clock):
    monitor = CameraMonitor()
    monitor.receive()
    monitor.fail(RuntimeError('out of memory'))
    assert verdict(monitor) == (
        DiagnosticStatus.ERROR,
        '1 images lost: RuntimeError: out of memory',
    )
    assert verdict(monitor)[0] == DiagnosticStatus.WARN
    monitor.process({})
    assert verdict(monitor)[0] == DiagnosticStatus.OK
    assert monitor.values()['failed'] == 1


def test_other_states_and_disabled_are_ok(clock):
    monitor = CameraMonitor()
    disabled = NodeConfig.from_parameters({'enabled': False})
    assert verdict(monitor, config=disabled) == (DiagnosticStatus.OK, 'disabled')
    clock.now_s += 60
    assert verdict(monitor, state='inactive') == (DiagnosticStatus.OK, 'inactive')


def test_a_calibration_problem_warns(clock):
    monitor = CameraMonitor()
    monitor.camera_info_problem = 'no K'
    assert verdict(monitor) == (DiagnosticStatus.WARN, 'no K')


def test_a_camera_without_calibration_is_ok_and_says_so():
    monitor = CameraMonitor()
    monitor.camera_info_missing = 'no camera_info'
    assert verdict(monitor) == (DiagnosticStatus.OK, 'segmenting at 0.0 Hz; no camera_info')


def publisher(type_name='sensor_msgs/msg/Image', reliability=ReliabilityPolicy.RELIABLE):
    return SimpleNamespace(
        topic_type=type_name, qos_profile=QoSProfile(depth=1, reliability=reliability)
    )


@pytest.mark.parametrize(
    ('publishers', 'reliable', 'words'),
    [
        ([], False, 'nobody publishes /image'),
        ([publisher('sensor_msgs/msg/CompressedImage')], False, 'set input.transport'),
        ([publisher(reliability=ReliabilityPolicy.BEST_EFFORT)], True, 'set input.reliability'),
        ([publisher()], True, 'fastdds_large_images.xml'),
        ([publisher(reliability=ReliabilityPolicy.BEST_EFFORT)], False, 'fastdds_large_images'),
    ],
)
def test_the_reason_for_silence(publishers, reliable, words):
    node = SimpleNamespace(get_publishers_info_by_topic=lambda topic: publishers)
    assert words in why_silent(node, '/image', 'sensor_msgs/msg/Image', reliable, came=False)


def test_images_that_came_before_are_not_said_never_to_arrive():
    node = SimpleNamespace(get_publishers_info_by_topic=lambda topic: [publisher()])
    reason = why_silent(node, '/image', 'sensor_msgs/msg/Image', True, came=True)
    assert reason.startswith('images of /image came before: the camera has paused')
    # Of large images whose driver lacks the profile, one in many comes.
    assert 'config/fastdds_large_images.xml' in reason


def test_the_cure_for_another_type_is_the_callers():
    found = [publisher('sensor_msgs/msg/CompressedImage')]
    node = SimpleNamespace(get_publishers_info_by_topic=lambda topic: found)
    reason = why_silent(
        node, '/d', 'sensor_msgs/msg/Image', False, came=False, other_type='remap it'
    )
    assert reason == (
        '/d has type sensor_msgs/msg/CompressedImage, not sensor_msgs/msg/Image; remap it'
    )


def test_every_value_is_published_as_text():
    status = make_status(
        '/segmentation: image', DiagnosticStatus.WARN, 'm', {'device': 'CPU', 'n': 3}
    )
    assert status.level == DiagnosticStatus.WARN
    assert status.hardware_id == 'CPU'
    assert [(v.key, v.value) for v in status.values] == [('device', 'CPU'), ('n', '3')]
