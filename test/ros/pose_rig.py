"""A node with poses of any source, and what feeds them; its fixtures are conftest's, too."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
import rclpy
from builtin_interfaces.msg import Time as Stamp
from nav_msgs.msg import Odometry
from std_msgs.msg import Header

from espnet_ros.core.config import NodeConfig, PoseConfig
from espnet_ros.core.parameter_families import Mount
from espnet_ros.core.transforms import camera_mount
from espnet_ros.ros.poses import create_poses

DEADLINE_S = 30.0
_MOUNT = Mount((0.3, 0.0, 1.2), (0.0, 0.2, 0.0))
T_MOUNT = camera_mount(_MOUNT.xyz, _MOUNT.rpy)
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


def place(poses, seconds: float) -> float:
    """Return x of the robot at a time."""
    return poses.at(header(seconds), '')[1][0, 3]


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
        peer.run(executor.remove_node, node)
        peer.run(node.destroy_node)


@pytest.fixture
def make_poses(make_node, peer):
    """Return a function that makes a source of poses and its node; `mounted` names cameras."""
    made = []

    def make(source, timeout_s=DEADLINE_S, mounted=('',), **arguments):
        node = make_node(**arguments)
        pose = PoseConfig(source=source, timeout=timeout_s)
        config = NodeConfig(pose=pose, mounts=dict.fromkeys(mounted, _MOUNT))
        made.append(create_poses(node, config))
        return made[-1], node

    yield make
    for poses in made:
        peer.run(poses.destroy)


@pytest.fixture
def publisher(peer):
    """Return a function that makes a publisher; it returns once somebody listens."""
    made = []

    def make(kind, topic, depth=50):
        made.append(peer.node.create_publisher(kind, topic, depth))
        peer.wake()
        # Humble has no event for it, so this asks again and again, as its wait_for_service does.
        deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
        while not made[-1].get_subscription_count():
            assert time.monotonic() < deadline, f'nobody listens to {topic}'
            pause.wait(0.01)
        return made[-1]

    yield make
    for one in made:
        peer.run(peer.node.destroy_publisher, one)
