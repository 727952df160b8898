"""Poses from a stand-in of tf2_ros, which pip's ROS 2 lacks."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time as Stamp
from geometry_msgs.msg import TransformStamped
from pose_rig import DEADLINE_S, header, place
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock

from espnet_ros.core.errors import AbandonedError, PoseError
from espnet_ros.core.transforms import camera_mount
from espnet_ros.ros.tf_poses import TfPoses


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


def transform(
    parent: str, child: str, seconds: float, x: float, turn=(0.0, 0.0, 0.0, 1.0), z: float = 0.0
):
    """Return a message with one transform."""
    t = TransformStamped(header=header(seconds, parent), child_frame_id=child)
    t.transform.translation.x, t.transform.translation.z = x, z
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
        poses, node = make_poses(source, timeout_s, mounted=(), **arguments)
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


@pytest.mark.parametrize('source', ['auto', 'tf'])
def test_mounts_that_tf_makes_useless_are_named_with_the_cure(tf, make_poses, capfd, source):
    make_poses(source, mounted=('left', ''))
    told = capfd.readouterr().err
    assert '[WARN]' in told
    assert 'camera_mount, camera_mount.left and the topic odometry are not used' in told
    assert f'with pose.source {source} ' in told
    assert 'set pose.source to odometry (or to fixed' in told
    make_poses(source, mounted=())
    make_poses('odometry', mounted=('',))
    assert 'not used' not in capfd.readouterr().err


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
            r'\(check .* who publishes them on /tf; .* set camera_mount, and pose\.source to '
            r'odometry or fixed\)',
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
        with pytest.raises(AbandonedError):
            answer.result(DEADLINE_S)
    assert not listener.registered


def test_waiting_for_tf_ends_when_it_is_not_allowed_and_is_possible_again(make_tf):
    poses, listener, _ = make_tf()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(place, poses, 1.0)
        assert listener.buffer.asked.wait(DEADLINE_S)
        poses.allow_waiting(False)
        with pytest.raises(AbandonedError):
            answer.result(DEADLINE_S)
        with pytest.raises(AbandonedError):
            place(poses, 1.0)
        # It is no fault of tf.
        assert poses.problem() == ''
        poses.allow_waiting(True)
        listener.buffer.asked.clear()
        answer = pool.submit(place, poses, 1.0)
        assert listener.buffer.asked.wait(DEADLINE_S)
        listener.callback(transform('odom', 'base_link', 1.0, 2.0))
        assert answer.result(DEADLINE_S) == 2.0


def test_the_topic_that_lacks_a_transform_is_that_of_the_namespace(make_tf):
    poses, _, node = make_tf(timeout_s=0.01, cli_args=['--ros-args', '-r', '/tf:=tf'])
    with pytest.raises(PoseError, match=f'who publishes them on {node.get_namespace()}/tf; '):
        place(poses, 1.0)


@pytest.mark.parametrize(
    ('base', 'footprint'),
    [('base_link', 'base_footprint'), ('robot1/base_link', 'robot1/base_footprint')],
)
def test_a_base_frame_above_the_ground_is_told_with_its_offset(
    tf, make_node, capfd, base, footprint
):
    node = make_node()
    poses = TfPoses(node, tf, 'odom', base, 0.01)
    listener = tf.listeners[-1]
    # Nobody has said where the ground is, or it is where it should be.
    assert poses.problem() == ''
    listener.static_callback(transform(base, footprint, 0, 0.0, z=-0.01))
    assert poses.problem() == ''
    listener.static_callback(transform(base, footprint, 0, 0.0, z=-0.13))
    told = poses.problem()
    assert f"pose.base_frame '{base}', but tf has '{footprint}' at z = -0.130 m in it" in told
    assert told.endswith(f'too near: set pose.base_frame to {footprint}')
    assert poses.problem() == told
    assert capfd.readouterr().err.count(told) == 1
    listener.static_callback(transform(base, footprint, 0, 0.0, z=0.02))
    assert 'z = +0.020 m in it, so things are placed too far' in poses.problem()
    poses.destroy()


def test_images_of_a_bag_played_again_empty_tf_but_for_what_is_static(make_tf):
    poses, listener, _ = make_tf(timeout_s=0.01)
    listener.callback(transform('odom', 'base_link', 100.0, 9.0))
    assert place(poses, 100.0) == 9.0
    # Another camera that lags is no restart, nor is a little disorder.
    for seconds, camera in ((98.0, 'slow'), (99.5, '')):
        with pytest.raises(PoseError, match='older than the newest'):
            poses.at(header(seconds), camera)
    with pytest.raises(PoseError, match='at any time, as after a restart'):
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
