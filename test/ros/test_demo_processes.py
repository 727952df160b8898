from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, Pose, Quaternion
from nav_msgs.msg import MapMetaData, OccupancyGrid
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from espnet_ros.ros import demo_camera
from espnet_ros.ros.demo_camera import Live, camera_info, odometry
from espnet_ros.ros.demo_consumer import Consumer
from espnet_ros.ros.demo_grids import GridInputs

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
    released = []
    capture = SimpleNamespace(
        read=lambda: reads.pop(0), isOpened=lambda: True, release=lambda: released.append(True)
    )
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
    live.close()
    assert released == [True]


def test_a_camera_that_can_not_be_opened_ends_the_process_with_a_sentence_and_ros(
    tmp_path, monkeypatch, ros_domain
):
    plan = tmp_path / 'plan.json'
    plan.write_text(json.dumps({**PLAN, 'device': str(tmp_path / 'gone'), 'images': ''}))
    monkeypatch.setattr(demo_camera.sys, 'argv', ['demo_camera', str(plan)])
    monkeypatch.setattr(demo_camera, 'tune_malloc', lambda: None)
    with pytest.raises(SystemExit, match='gone cannot be opened any more: plug it in'):
        demo_camera.main()
    assert not rclpy.ok()


def test_a_parent_that_goes_away_before_anybody_subscribes_leaves_no_ros_and_no_open_camera(
    tmp_path, monkeypatch, capsys, ros_domain
):
    closed = []
    plan = tmp_path / 'plan.json'
    plan.write_text(json.dumps({**PLAN, 'device': '/dev/video0', 'images': '', 'poses': []}))
    monkeypatch.setattr(demo_camera.sys, 'argv', ['demo_camera', str(plan)])
    monkeypatch.setattr(demo_camera, 'tune_malloc', lambda: None)
    live = SimpleNamespace(close=lambda: closed.append(True))
    monkeypatch.setattr(demo_camera, 'Live', lambda plan: live)
    monkeypatch.setattr(demo_camera, 'wait_parent', lambda seconds: True)
    demo_camera.main()
    assert json.loads(capsys.readouterr().out) == {'event': 'ready'}
    assert closed == [True] and not rclpy.ok()


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
    costmap = '/segmentation: costmap'
    error, fine = DiagnosticStatus.ERROR, DiagnosticStatus.OK
    consumer.diagnostics(
        DiagnosticArray(status=[status(other, error), status(own, fine), status(own, error)])
    )
    consumer.diagnostics(DiagnosticArray(status=[status(costmap, fine)]))
    values = {'backend': 'onnx'}
    assert consumer.said() == [
        {'event': 'diagnostics', 'trouble': '', 'values': values},
        {'event': 'diagnostics', 'trouble': 'words', 'values': values},
        {'event': 'costmap_diagnostics', 'trouble': '', 'values': values},
    ]


@pytest.fixture
def grids(capsys):
    """Return callbacks and profiles by topic, the file of cells and what was said."""
    callbacks, profiles, file = {}, {}, io.BytesIO()

    def subscribe(kind, topic, callback, qos) -> None:
        assert kind is OccupancyGrid
        callbacks[topic], profiles[topic] = callback, qos

    node = SimpleNamespace(create_subscription=subscribe)
    GridInputs(node, '/segmentation', ('costmap', 'layers/road'), 'odom', file)

    def said() -> list[dict]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return SimpleNamespace(callbacks=callbacks, profiles=profiles, file=file, said=said)


def occupancy(frame: str = 'odom', nanosec: int = 25, **changes: object) -> OccupancyGrid:
    """Return a grid of 3x2 cells; a change named like a field of its info goes there."""
    data = changes.pop('data', [-1, 0, 1, 60, 98, 100])
    origin = Pose(
        position=changes.pop('position', Point(x=-2.5, y=4.0)),
        orientation=changes.pop('orientation', Quaternion(w=1.0)),
    )
    info = {'width': 3, 'height': 2, 'resolution': 0.25, 'origin': origin}
    message = OccupancyGrid(info=MapMetaData(**{**info, **changes}), data=data)
    message.header.frame_id = frame
    message.header.stamp.sec, message.header.stamp.nanosec = 3, nanosec
    return message


def test_grids_are_subscribed_to_as_a_static_layer_does(grids):
    assert list(grids.profiles) == ['/segmentation/costmap', '/segmentation/layers/road']
    for profile in grids.profiles.values():
        assert profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
        assert profile.reliability == ReliabilityPolicy.RELIABLE and profile.depth == 1


def test_a_grid_is_kept_with_its_place_in_the_file(grids):
    grids.callbacks['/segmentation/layers/road'](occupancy())
    grids.callbacks['/segmentation/costmap'](occupancy(data=[0] * 6))
    first, second = grids.said()
    assert first.pop('received') > first['stamp']
    assert first == {
        'event': 'grid', 'topic': 'layers/road', 'frame': 'odom', 'stamp': 3_000_000_025,
        'offset': 0, 'size_cells': [3, 2], 'resolution': 0.25, 'origin': [-2.5, 4.0],
    }  # fmt: skip
    assert (second['topic'], second['offset']) == ('costmap', 6)
    cells = np.frombuffer(grids.file.getvalue(), np.int8).tolist()
    assert cells == [-1, 0, 1, 60, 98, 100] + [0] * 6


@pytest.mark.parametrize(
    ('changes', 'complaint'),
    [
        ({'frame': 'map'}, "the frame must be 'odom', got 'map'"),
        ({'nanosec': 1_000_000_000}, 'the stamp has 1000000000 ns'),
        ({'resolution': 1e-6}, 'the resolution must be above 1e-06 m'),
        ({'resolution': float('nan')}, 'the resolution must be above'),
        ({'width': 0, 'data': []}, 'sides must be 1..32767 cells, got 0x2'),
        ({'height': 32768, 'data': []}, 'got 3x32768; 3x32768 cells need one value each'),
        ({'position': Point(x=float('inf'))}, 'the origin must be finite'),
        ({'orientation': Quaternion(w=0.0)}, 'a quaternion of norm 1'),
        ({'orientation': Quaternion(z=0.6, w=0.8)}, 'aligned with its frame'),
        ({'data': [0] * 5}, '3x2 cells need one value each, got 5'),
        ({'data': [99, -2, 101, 0, 99, 7]}, 'cells must be -1, 0..98 or 100, got [-2, 99, 101]'),
    ],
)
def test_a_grid_that_nav2_would_refuse_or_misread_is_named_and_not_kept(
    changes, complaint, grids
):
    grids.callbacks['/segmentation/costmap'](occupancy(**changes))
    (event,) = grids.said()
    assert (event['event'], event['topic']) == ('invalid_grid', 'costmap')
    assert complaint in event['text']
    assert grids.file.getvalue() == b''
