from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import CameraInfo, Image

from espnet_ros.ros import demo_camera
from espnet_ros.ros.demo_camera import Live, camera_info, odometry
from espnet_ros.ros.demo_consumer import Consumer

PLAN = {
    'size_wh': [7, 5],
    'K': [[6.0, 0.0, 3.0], [0.0, 6.0, 2.0], [0.0, 0.0, 1.0]],
    'count': 3,
    'rate_hz': 10.0,
}


def turned(x: float, y: float, yaw: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    pose[:2, 3] = x, y
    return pose


def test_camera_info_holds_the_pinhole_camera():
    message = camera_info(PLAN)
    assert (message.width, message.height) == (7, 5)
    assert message.header.frame_id == 'camera_optical_frame'
    assert list(message.k) == [6, 0, 3, 0, 6, 2, 0, 0, 1]
    assert list(message.p) == [6, 0, 3, 0, 0, 6, 2, 0, 0, 0, 1, 0]
    assert list(message.d) == [0] * 5 and message.distortion_model == 'plumb_bob'


def test_odometry_has_pose_and_the_velocity_in_the_body_frame():
    # Facing +y (90 degrees left of +x) and driving half a metre that way, turning 0.1 rad.
    poses = np.array([turned(1, 2, np.pi / 2), turned(1, 2.5, np.pi / 2 + 0.1)])
    for index, y in ((0, 2.0), (1, 2.5)):
        message = odometry(poses, index, rate_hz=10.0)
        place, twist = message.pose.pose.position, message.twist.twist
        assert (place.x, place.y, place.z) == pytest.approx((1, y, 0))
        assert (twist.linear.x, twist.linear.y) == pytest.approx((5, 0))
        assert twist.angular.z == pytest.approx(1.0)
    turn = odometry(poses, 0, 10.0).pose.pose.orientation
    assert (turn.x, turn.y, turn.z, turn.w) == pytest.approx((0, 0, 0.5**0.5, 0.5**0.5))
    assert (message.header.frame_id, message.child_frame_id) == ('odom', 'base_link')


def test_odometry_of_a_source_without_motion_stands_still():
    message = odometry(np.array([np.eye(4)]), 0, 10.0)
    assert message.pose.pose.orientation.w == 1.0
    assert message.twist.twist.linear.x == 0.0


def test_a_live_camera_is_drained_resized_and_recorded(tmp_path, monkeypatch):
    images = [np.full((10, 14, 3), value, np.uint8) for value in (10, 20, 30)]
    reads = [(True, image) for image in images] + [(False, None)]
    capture = SimpleNamespace(read=lambda: reads.pop(0))
    clock = iter([0.0, 0.1, 0.2])
    monkeypatch.setattr(demo_camera.cv2, 'VideoCapture', lambda device: capture)
    monkeypatch.setattr(demo_camera, 'wait_parent', lambda seconds: False)
    monkeypatch.setattr(demo_camera.time, 'monotonic', lambda: next(clock))
    live = Live({**PLAN, 'device': '/dev/video0', 'images': str(tmp_path / 'images')})
    # The image of 0.0 s is too early and must be dropped, or all later ones would be old.
    image = live.at(0, due=0.1)
    assert image.shape == (5, 7, 3) and (image == 20).all()
    live.keep(image)
    live.keep(live.at(1, due=0.2))
    assert (tmp_path / 'images').read_bytes() == bytes([20] * 105 + [30] * 105)
    assert live.at(2, due=0.3) is None, 'the camera was unplugged'


@pytest.fixture
def consumer(capsys):
    """Return its callbacks by topic, the file of masks and a function for what it said."""
    callbacks, masks = {}, io.BytesIO()

    def subscribe(kind, topic, callback, qos) -> None:
        callbacks[topic.rpartition('/')[2]] = callback

    Consumer(SimpleNamespace(create_subscription=subscribe), PLAN, masks)

    def said() -> list[dict]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return SimpleNamespace(**callbacks, masks=masks, said=said)


def mono(stamp_s: int = 3, **changes: object) -> Image:
    values = {'width': 7, 'height': 5, 'encoding': 'mono8', 'step': 7, 'data': bytes([2] * 35)}
    message = Image(**{**values, **changes})
    message.header.stamp.sec, message.header.stamp.nanosec = stamp_s, 25
    return message


def test_a_mask_is_kept_with_its_stamp_and_slot(consumer):
    consumer.mask(mono(3))
    consumer.mask(mono(4, data=bytes([9] * 35)))
    first, second = consumer.said()
    assert (first['event'], first['stamp'], first['slot']) == ('mask', 3_000_000_025, 0)
    assert (second['stamp'], second['slot']) == (4_000_000_025, 1)
    assert first['received'] > first['stamp']
    assert consumer.masks.getvalue() == bytes([2] * 35 + [9] * 35)


@pytest.mark.parametrize(
    'changes',
    [
        {'width': 5, 'height': 7, 'step': 5},
        {'encoding': 'bgr8'},
        {'step': 8},
        {'data': bytes(34)},
    ],
)
def test_a_mask_that_is_not_as_promised_is_a_fault_and_not_kept(changes, consumer):
    consumer.mask(mono(**changes))
    (event,) = consumer.said()
    assert event['event'] == 'fault' and event['text'].startswith('mask: expected')
    assert consumer.masks.getvalue() == b''


def test_everything_flows_once_each_topic_has_delivered(consumer):
    consumer.confidence(mono())
    consumer.mask(mono())
    assert 'flowing' not in [e['event'] for e in consumer.said()]
    consumer.camera_info(CameraInfo(width=7, height=5))
    assert [e['event'] for e in consumer.said()] == ['camera_info', 'flowing']


def test_a_camera_info_of_another_size_is_a_fault(consumer):
    consumer.camera_info(CameraInfo(width=5, height=7))
    assert consumer.said() == [{'event': 'fault', 'text': 'camera_info is of 5x7'}]


def test_diagnostics_of_the_node_alone_are_passed_on(consumer):
    def status(name: str, level: bytes) -> DiagnosticStatus:
        pairs = [KeyValue(key='backend', value='onnx')]
        return DiagnosticStatus(name=name, level=level, message='words', values=pairs)

    own, other = '/segmentation: image', '/camera: image'
    error, fine = DiagnosticStatus.ERROR, DiagnosticStatus.OK
    consumer.diagnostics(
        DiagnosticArray(status=[status(other, error), status(own, fine), status(own, error)])
    )
    values = {'backend': 'onnx'}
    assert consumer.said() == [
        {'event': 'diagnostics', 'trouble': '', 'values': values},
        {'event': 'diagnostics', 'trouble': 'words', 'values': values},
    ]
