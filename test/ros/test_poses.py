"""Poses from odometry over DDS, from a stand-in of tf2_ros, and by declaration."""

from __future__ import annotations

import itertools
import math
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='no rclpy; pip install "espnet_ros[ros]"')

import rclpy
from builtin_interfaces.msg import Time as Stamp
from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Odometry
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header

from espnet_ros.core.errors import ParameterError, PoseError
from espnet_ros.core.transforms import camera_mount
from espnet_ros.ros.poses import create_poses

DEADLINE_S = 30.0
MOUNT = camera_mount((0.3, 0.0, 1.2), (0.0, 0.2, 0.0))
NOW = 1_800_000_000
_numbers = itertools.count()


def header(seconds: float, frame: str = 'camera') -> Header:
    """Return a header; the seconds count from now but for 0, which is no stamp at all."""
    whole = int(seconds // 1)
    nanosec = round((seconds - whole) * 1e9)
    sec = NOW + whole if seconds else 0
    return Header(stamp=Stamp(sec=sec, nanosec=nanosec), frame_id=frame)


def odometry(seconds: float, x: float = 0.0, z: float = 0.0, w: float = 1.0, **frames) -> Odometry:
    message = Odometry(header=header(seconds, frames.get('frame', 'odom')))
    message.child_frame_id = frames.get('child', 'base_link')
    message.pose.pose.position.x = x
    message.pose.pose.orientation.z = z
    message.pose.pose.orientation.w = w
    return message


@pytest.fixture
def make_node(peer):
    """Return a function that makes a node in a namespace of its own, spun by a thread."""
    executor = peer.node.executor
    nodes = []

    def make(**arguments):
        namespace = f'robot{next(_numbers)}'
        context = peer.node.context
        node = rclpy.create_node('mapper', namespace=namespace, context=context, **arguments)
        nodes.append(node)
        executor.add_node(node)
        return node

    yield make
    for node in nodes:
        executor.remove_node(node)
        node.destroy_node()


@pytest.fixture
def make_poses(make_node):
    """Return a function that makes a source of poses and its node."""
    made = []

    def make(source, timeout_s=DEADLINE_S, mounts=None, **arguments):
        node = make_node(**arguments)
        mounts = {'': MOUNT} if mounts is None else mounts
        made.append(create_poses(node, source, 'odom', 'base_link', timeout_s, mounts))
        return made[-1], node

    yield make
    for poses in made:
        poses.destroy()


@pytest.fixture
def publisher(peer):
    """Return a function that makes a publisher; it returns once somebody listens."""
    made = []

    def make(kind, topic, depth=50):
        matched = threading.Event()
        callbacks = PublisherEventCallbacks(matched=lambda _: matched.set())
        made.append(peer.node.create_publisher(kind, topic, depth, event_callbacks=callbacks))
        peer.wake()
        assert matched.wait(DEADLINE_S), f'nobody listens to {topic}'
        return made[-1]

    yield make
    for one in made:
        peer.node.destroy_publisher(one)


@pytest.fixture
def no_tf2(monkeypatch):
    """Make tf2_ros a module that can't be imported, as with pip's ROS 2."""
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)


def place(poses, seconds: float) -> float:
    """Return x of the robot at a time."""
    return poses.at(header(seconds), '')[1][0, 3]


# Odometry


def test_odometry_is_interpolated_at_the_image_stamp(make_poses, publisher):
    poses, node = make_poses('odometry')
    assert poses.latest() is None
    wheels = publisher(Odometry, f'{node.get_namespace()}/odometry')
    assert 'has a publisher, but no message has come' in poses.problem()
    wheels.publish(odometry(1.0, x=2.0))
    half = math.sqrt(0.5)
    # Some drivers leave the child out, some write frames as ROS 1 did.
    wheels.publish(odometry(1.5, x=4.0, z=half, w=half, child='', frame='/odom'))
    T_base_camera, T_grid_base = poses.at(header(1.25), '')
    np.testing.assert_array_equal(T_base_camera, MOUNT)
    # A quarter of a turn to the left and 2 m in half a second: half of both at half of it.
    expected = [[half, -half, 0, 3], [half, half, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(T_grid_base, expected, atol=1e-6)
    np.testing.assert_allclose(poses.latest()[:3, 3], (4, 0, 0))
    assert (poses.name, poses.problem()) == ('odometry', '')


@pytest.mark.parametrize(
    ('bad', 'reason'),
    [
        (odometry(1.1, x=math.nan), 'must be finite'),
        (odometry(1.1, w=math.inf), 'must be finite'),
        (odometry(1.1, w=0.0), 'norm 0'),
        (odometry(1.1, w=1.02), r'norm 1\.02'),
        (odometry(1.1, frame='map'), "header.frame_id is 'map', but grid.frame is 'odom'"),
        (odometry(1.1, child='imu'), "child_frame_id is 'imu', but pose.base_frame is 'base_link"),
        (odometry(0), 'no stamp'),
    ],
)
def test_odometry_that_can_not_be_is_refused_and_said(make_poses, publisher, bad, reason):
    poses, node = make_poses('odometry')
    wheels = publisher(Odometry, f'{node.get_namespace()}/odometry')
    wheels.publish(odometry(1.0, x=2.0))
    wheels.publish(bad)
    wheels.publish(odometry(1.2, x=4.0))
    assert place(poses, 1.1) == pytest.approx(3.0, abs=1e-5)
    topic = f'{node.get_namespace()}/odometry'
    expected = f'1 of the last 3 messages of {topic} refused: .*{reason}'
    assert re.search(expected, poses.problem())


def test_refused_odometry_is_why_an_image_has_no_pose(make_poses, publisher):
    poses, node = make_poses('odometry')
    topic = f'{node.get_namespace()}/odometry'
    wheels = publisher(Odometry, topic)
    wheels.publish(odometry(1.1, frame='map'))
    expected = f"last message of {topic} was refused: header.frame_id is 'map'"
    with pytest.raises(PoseError, match=expected):
        place(poses, 1.1)


def test_a_quaternion_slightly_off_is_accepted(make_poses, publisher):
    poses, node = make_poses('odometry')
    publisher(Odometry, f'{node.get_namespace()}/odometry').publish(odometry(1.0, w=0.995))
    np.testing.assert_array_equal(poses.at(header(1.0), '')[1], np.eye(4))
    assert poses.problem() == ''


def test_old_troubles_are_forgotten(make_poses, publisher):
    poses, node = make_poses('odometry')
    wheels = publisher(Odometry, f'{node.get_namespace()}/odometry')
    wheels.publish(odometry(1.0, w=0.5))
    for step in range(50):
        wheels.publish(odometry(1.1 + 0.1 * step))
        poses.at(header(1.1 + 0.1 * step), '')
    assert poses.problem() == ''


def test_time_set_back_starts_the_odometry_anew(make_poses, publisher):
    poses, node = make_poses('odometry')
    wheels = publisher(Odometry, f'{node.get_namespace()}/odometry')
    wheels.publish(odometry(10.0, x=9.0))
    assert place(poses, 10.0) == 9.0
    for seconds, x in ((8.0, 2.0), (8.5, 3.0), (10.5, 7.0)):
        wheels.publish(odometry(seconds, x=x))
    # That one is waited for, so all are there.
    assert place(poses, 10.5) == 7.0
    assert place(poses, 8.25) == pytest.approx(2.5, abs=1e-6)


def test_late_odometry_is_an_error_after_the_time_out(make_poses, publisher):
    poses, node = make_poses('odometry', timeout_s=0.05)
    with pytest.raises(PoseError, match=r'no odometry has come, not within 0\.05 s'):
        place(poses, 1.0)
    assert poses.problem() == f'nobody publishes {node.get_namespace()}/odometry'


def test_destroying_ends_the_wait(make_poses):
    poses, node = make_poses('odometry')
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(place, poses, 1.0)
        poses.destroy()
        with pytest.raises(PoseError, match='closed'):
            answer.result(DEADLINE_S)
    assert not [s for s in node.subscriptions if s.topic_name.endswith('/odometry')]


def test_an_image_without_stamp_is_refused(make_poses):
    with pytest.raises(PoseError, match='the image has no stamp'):
        make_poses('odometry')[0].at(header(0), '')


def test_a_topic_of_another_type_is_named(make_poses, monkeypatch):
    poses, node = make_poses('odometry')
    # One process can't publish two types on one topic.
    other = SimpleNamespace(topic_type='geometry_msgs/msg/PoseStamped')
    monkeypatch.setattr(node, 'get_publishers_info_by_topic', lambda topic: [other])
    topic = f'{node.get_namespace()}/odometry'
    assert poses.problem() == (
        f'{topic} has type geometry_msgs/msg/PoseStamped, not nav_msgs/msg/Odometry'
    )


@pytest.mark.parametrize('source', ['odometry', 'fixed'])
def test_a_camera_without_a_mount_is_an_error(make_poses, source):
    poses, _ = make_poses(source, mounts={'left': MOUNT})
    with pytest.raises(PoseError, match=r'^camera_mount.xyz and camera_mount.rpy are not set: '):
        poses.at(header(1.0), '')
    with pytest.raises(PoseError, match=r'^camera_mount.front.xyz and camera_mount.front.rpy are'):
        poses.at(header(1.0), 'front')


# Fixed, and by default


def test_fixed_is_the_origin_whatever_the_stamp(make_poses):
    poses, node = make_poses('fixed')
    for seconds in (0, 1.0):
        T_base_camera, T_grid_base = poses.at(header(seconds), '')
        np.testing.assert_array_equal(T_base_camera, MOUNT)
        np.testing.assert_array_equal(T_grid_base, np.eye(4))
    np.testing.assert_array_equal(poses.latest(), np.eye(4))
    assert (poses.name, poses.problem()) == ('fixed', '')
    assert not [s for s in node.subscriptions if s.topic_name.endswith('/odometry')]


def test_auto_without_tf2_is_fixed_until_odometry_comes_and_never_again(
    make_poses, publisher, peer, no_tf2
):
    poses, node = make_poses('auto', timeout_s=0.05)
    topic = f'{node.get_namespace()}/odometry'
    assert poses.name == 'fixed'
    np.testing.assert_array_equal(poses.at(header(1.0), '')[1], np.eye(4))
    np.testing.assert_array_equal(poses.latest(), np.eye(4))
    assert f'nobody publishes {topic}, so the robot is taken as standing still' in poses.problem()
    wheels = publisher(Odometry, topic)
    # A publisher is enough: there is a robot that moves, though nobody knows yet where.
    assert poses.name == 'odometry'
    assert poses.latest() is None
    with pytest.raises(PoseError, match='no odometry has come'):
        place(poses, 1.0)
    peer.node.destroy_publisher(wheels)
    assert poses.name == 'odometry'
    with pytest.raises(PoseError, match='no odometry has come'):
        place(poses, 1.0)
    assert poses.problem() == f'nobody publishes {topic}'


def test_auto_without_tf2_follows_the_odometry(make_poses, publisher, no_tf2):
    poses, node = make_poses('auto')
    wheels = publisher(Odometry, f'{node.get_namespace()}/odometry')
    wheels.publish(odometry(1.0, x=2.0))
    assert place(poses, 1.0) == 2.0


def test_tf_without_tf2_is_refused_with_the_cure(make_poses, no_tf2):
    with pytest.raises(ParameterError, match=r'tf needs tf2_ros.*ros-<distro>-tf2-ros-py'):
        make_poses('tf')


# tf2


class TransformException(Exception):
    """As tf2_py has it; the others derive from it."""


class LookupException(TransformException):
    pass


class ExtrapolationException(TransformException):
    pass


class Buffer:
    """Signatures of tf2_ros.Buffer, the same from Humble to Rolling of October 2024.

    It knows direct edges only, interpolates x, and keeps static ones when it is cleared, as
    BufferCore does.
    """

    def __init__(self, cache_time: Duration | None = None, node=None) -> None:
        self.edges = {}
        self.static = {}
        self.cleared = threading.Event()
        self.asked = threading.Event()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        key = transform.header.frame_id, transform.child_frame_id
        self.edges.setdefault(key, []).append(transform)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        self.static[transform.header.frame_id, transform.child_frame_id] = transform

    def lookup_transform(
        self,
        target_frame: str,
        source_frame: str,
        time,
        timeout: Duration = Duration(),  # noqa: B008
    ) -> TransformStamped:
        self.asked.set()
        key = target_frame, source_frame
        if key in self.static:
            return self.static[key]
        if key not in self.edges:
            raise LookupException(
                f'"{source_frame}" passed to lookupTransform argument source_frame does not '
                'exist. '
            )
        edges = self.edges[key]
        if time.nanoseconds == 0 and edges:
            return edges[-1]
        before = [e for e in edges if nanoseconds(e) <= time.nanoseconds]
        after = [e for e in edges if nanoseconds(e) >= time.nanoseconds]
        if not (before and after):
            raise ExtrapolationException('Lookup would require extrapolation into the ...')
        return halfway(before[-1], after[0], time.nanoseconds)

    def clear(self) -> None:
        for edges in self.edges.values():
            edges.clear()
        self.cleared.set()


class TransformListener:
    """Signatures of tf2_ros.TransformListener, Humble to Jazzy (Rolling has topics besides)."""

    def __init__(
        self, buffer: Buffer, node, *, spin_thread: bool = False, qos=None, static_qos=None
    ) -> None:
        self.buffer = buffer
        self.registered = True
        sys.modules['tf2_ros'].listeners.append(self)

    def unregister(self) -> None:
        self.registered = False

    def callback(self, data) -> None:
        for transform in data.transforms:
            self.buffer.set_transform(transform, 'default_authority')

    def static_callback(self, data) -> None:
        for transform in data.transforms:
            self.buffer.set_transform_static(transform, 'default_authority')


def nanoseconds(transform: TransformStamped) -> int:
    return transform.header.stamp.sec * 10**9 + transform.header.stamp.nanosec


def halfway(before: TransformStamped, after: TransformStamped, at: int) -> TransformStamped:
    span = nanoseconds(after) - nanoseconds(before)
    share = (at - nanoseconds(before)) / span if span else 0.0
    ends = [t.transform.translation.x for t in (before, after)]
    result = TransformStamped()
    result.transform.translation.x = ends[0] + share * (ends[1] - ends[0])
    return result


def transform(parent: str, child: str, seconds: float, x: float, turn=(0.0, 0.0, 0.0, 1.0)):
    """Return a message with one transform."""
    t = TransformStamped(header=header(seconds, parent), child_frame_id=child)
    t.transform.translation.x = x
    q = t.transform.rotation
    q.x, q.y, q.z, q.w = turn
    return SimpleNamespace(transforms=[t])


@pytest.fixture
def tf(monkeypatch):
    """Install a stand-in of tf2_ros, which pip's ROS 2 lacks, and return it."""
    module = ModuleType('tf2_ros')
    for thing in (
        Buffer, TransformListener, TransformException, LookupException, ExtrapolationException
    ):  # fmt: skip
        setattr(module, thing.__name__, thing)
    module.listeners = []
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)
    return module


# The optical frame as URDFs have it: -90 degrees about x, then -90 about z.
OPTICAL = (-0.5, 0.5, -0.5, 0.5)


@pytest.fixture
def make_tf(tf, make_poses):
    """Return a function that makes poses from tf with a camera on the robot, and its listener."""

    def make(source='tf', timeout_s=DEADLINE_S, **arguments):
        poses, node = make_poses(source, timeout_s, mounts={}, **arguments)
        listener = tf.listeners[-1]
        listener.static_callback(transform('base_link', 'camera', 0, 0.3, OPTICAL))
        return poses, listener, node

    return make


@pytest.mark.parametrize('source', ['auto', 'tf'])
def test_tf_gives_both_poses_at_the_stamp(make_tf, source):
    poses, listener, _ = make_tf(source)
    assert poses.latest() is None
    listener.callback(transform('odom', 'base_link', 1.0, 2.0))
    listener.callback(transform('odom', 'base_link', 1.5, 4.0))
    T_base_camera, T_grid_base = poses.at(header(1.25, '/camera'), '')
    expected = camera_mount((0.3, 0, 0), (0, 0, 0))
    np.testing.assert_allclose(T_base_camera, expected, atol=1e-15)
    assert T_grid_base[0, 3] == pytest.approx(3.0, abs=1e-6)
    assert poses.latest()[0, 3] == 4.0
    assert (poses.name, poses.problem()) == ('tf', '')


def test_it_waits_for_late_transforms(make_tf):
    poses, listener, _ = make_tf()
    listener.callback(transform('odom', 'base_link', 1.0, 2.0))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(place, poses, 1.25)
        assert listener.buffer.asked.wait(DEADLINE_S)
        listener.callback(transform('odom', 'base_link', 1.125, 2.5))
        listener.callback(transform('odom', 'base_link', 1.5, 4.0))
        assert answer.result(DEADLINE_S) == pytest.approx(3.0, abs=1e-6)


def test_it_waits_for_static_transforms(make_tf):
    poses, listener, _ = make_tf()
    listener.callback(transform('odom', 'base_link', 1.0, 2.0))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(poses.at, header(1.0, 'left'), 'left')
        assert listener.buffer.asked.wait(DEADLINE_S)
        listener.static_callback(transform('base_link', 'left', 0, 0.7))
        assert answer.result(DEADLINE_S)[0][0, 3] == 0.7


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (header(0), 'the image has no stamp'),
        (header(1.0, ''), 'the image has no frame'),
        (
            header(1.0, 'lost'),
            r'no transform base_link <- lost within 0\.01 s: "lost" passed to .* does not exist\. '
            r'\(check',
        ),
        (
            header(1.75),
            r'newest transform odom <- base_link is 0\.250 s older than the image after waiting '
            r'0\.01 s',
        ),
        (header(0.5), r'image is 1\.000 s older than the newest transform odom <- base_link, and'),
    ],
)
def test_what_tf_lacks_is_said(make_tf, image, message):
    poses, listener, _ = make_tf(timeout_s=0.01)
    listener.callback(transform('odom', 'base_link', 1.0, 2.0))
    listener.callback(transform('odom', 'base_link', 1.5, 2.0))
    with pytest.raises(PoseError, match=message) as caught:
        poses.at(image, '')
    assert poses.problem() == str(caught.value)
    poses.at(header(1.25), 'another')
    assert poses.problem() == ''


def test_a_grid_frame_that_nobody_publishes_is_no_identity(make_tf):
    poses, _, _ = make_tf(timeout_s=0.01)
    with pytest.raises(PoseError, match='no transform odom <- base_link'):
        place(poses, 1.0)
    assert poses.latest() is None


def test_destroying_tf_ends_the_wait_and_unsubscribes(make_tf):
    poses, listener, _ = make_tf()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(place, poses, 1.0)
        assert listener.buffer.asked.wait(DEADLINE_S)
        poses.destroy()
        with pytest.raises(PoseError, match='closed'):
            answer.result(DEADLINE_S)
    assert not listener.registered


def test_images_of_a_bag_played_again_empty_tf_but_for_what_is_static(make_tf):
    poses, listener, _ = make_tf(timeout_s=0.01)
    listener.callback(transform('odom', 'base_link', 100.0, 9.0))
    assert place(poses, 100.0) == 9.0
    # Another camera that lags is no restart, nor is a little disorder.
    for seconds, camera in ((98.0, 'slow'), (99.5, '')):
        with pytest.raises(PoseError, match='older than the newest'):
            poses.at(header(seconds), camera)
    with pytest.raises(PoseError, match='of any time, as after a restart'):
        place(poses, 1.0)
    listener.callback(transform('odom', 'base_link', 1.0, 2.0))
    assert place(poses, 1.0) == 2.0


def test_a_clock_set_back_empties_tf(make_tf, publisher):
    simulated = Parameter('use_sim_time', value=True)
    _, listener, node = make_tf(parameter_overrides=[simulated])
    ahead = threading.Event()
    threshold = JumpThreshold(min_forward=Duration(seconds=1), min_backward=None)
    jumps = node.get_clock().create_jump_callback(threshold, post_callback=lambda _: ahead.set())
    clock = publisher(Clock, '/clock')
    clock.publish(Clock(clock=Stamp(sec=100)))
    assert ahead.wait(DEADLINE_S)
    listener.buffer.cleared.clear()
    listener.callback(transform('odom', 'base_link', 100.0, 2.0))
    clock.publish(Clock(clock=Stamp(sec=50)))
    assert listener.buffer.cleared.wait(DEADLINE_S)
    assert listener.buffer.edges == {('odom', 'base_link'): []}
    jumps.unregister()
