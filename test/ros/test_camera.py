"""What a camera of the node keeps while it listens, and what it says where nothing comes."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ImageError
from espnet_ros.core.labels import CAMVID
from espnet_ros.ros import camera as camera_module
from espnet_ros.ros.camera import Camera

STAMP = Time(sec=7)


@pytest.fixture
def camera(peer):
    config = NodeConfig.from_parameters({'projection.source': 'depth', 'cameras': ['front']})
    made = peer.run(Camera, peer.node, 'front', CAMVID, lambda: config)
    yield made
    peer.run(made.unsubscribe)
    peer.run(made.destroy)


def why_none(camera):
    with pytest.raises(ImageError) as caught:
        camera.depth.at(STAMP, 0.0)
    return str(caught.value)


def test_depth_that_does_not_come_is_told_as_images_are(peer, camera):
    peer.run(camera.subscribe, lambda *_: False)
    (asked,) = peer.wait(
        lambda: peer.node.get_subscriptions_info_by_topic('/front/depth/image'), 'subscription'
    )
    assert asked.topic_type == 'sensor_msgs/msg/Image'
    words = 'no depth image: nobody publishes /front/depth/image; remap'
    assert why_none(camera).startswith(words)
    assert 'nobody publishes /front/image;' in camera.why_silent()


def test_depth_is_kept_only_while_the_camera_listens(peer, camera):
    peer.run(camera.subscribe, lambda *_: False)
    depth = Image(header=Header(stamp=STAMP))
    peer.run(camera.depth.put, depth)
    assert camera.depth.at(STAMP, 0.0) is depth
    peer.run(camera.unsubscribe)
    assert 'no depth image: not subscribed' in why_none(camera)
    assert camera.why_silent() == 'not subscribed'


@pytest.fixture
def clock(monkeypatch):
    """Return a clock of arrivals that the test moves."""
    clock = SimpleNamespace(now_s=100.0)
    fake = SimpleNamespace(monotonic=lambda: clock.now_s, perf_counter=time.perf_counter)
    monkeypatch.setattr(camera_module, 'time', fake)
    return clock


@pytest.fixture
def make_camera(peer):
    """Return a function that makes a camera with parameters, and what is changed of them."""
    made = []

    def make(name='', **parameters):
        values = {key.replace('__', '.'): value for key, value in parameters.items()}
        camera = peer.run(
            Camera, peer.node, name, CAMVID, lambda: NodeConfig.from_parameters(values)
        )
        made.append(camera)
        return camera, values

    yield make
    for camera in made:
        peer.run(camera.unsubscribe)
        peer.run(camera.destroy)


@pytest.mark.parametrize(
    ('max_rate', 'delivered'), [(0.0, 300), (10.0, 100), (15.0, 150), (0.5, 21)]
)
def test_so_many_images_a_second_go_on(peer, clock, make_camera, max_rate, delivered):
    camera, _ = make_camera(input__max_rate=max_rate)
    taken = []
    peer.run(camera.subscribe, lambda _, message: taken.append(message))
    # 30 Hz for 10 s, by their arrival; stamps tell nothing. In place of 0.5 Hz the grid needs 2:
    # at 0.0 s, and then at 0.4, 0.9 ... 9.9 s, which is early enough.
    for number in range(300):
        clock.now_s = 100.0 + number / 30
        camera.image_subscription.callback(number)
    assert len(taken) == delivered
    if max_rate == 10.0:
        assert all(b - a == 3 for a, b in itertools.pairwise(taken))
    monitor = camera.monitor
    counts = (monitor.received, monitor.above_rate, monitor.dropped, monitor.paused)
    assert counts == (300, 300 - delivered, 0, 0)
    assert monitor.values()['above_rate'] == 300 - delivered


def test_the_rate_is_live_and_a_pause_takes_no_turn(peer, clock, make_camera):
    camera, values = make_camera(input__max_rate=10.0)
    peer.run(camera.subscribe, lambda *_: True)

    def receive_after(seconds):
        clock.now_s += seconds
        camera.image_subscription.callback(None)
        monitor = camera.monitor
        return monitor.dropped, monitor.above_rate, monitor.paused

    assert receive_after(1.0) == (1, 0, 0)
    values['enabled'] = False
    assert receive_after(0.1) == (1, 0, 1)
    values['enabled'] = True
    assert receive_after(0.01) == (2, 0, 1)
    assert receive_after(0.01) == (2, 1, 1)
    values['input.max_rate'] = 0.0
    assert [receive_after(0.001 * n) for n in (100, 1)] == [(3, 1, 1), (4, 1, 1)]


@pytest.mark.parametrize(
    ('name', 'parameters', 'expected'),
    [
        ('', {}, False),
        ('', {'input__upside_down': True}, True),
        ('front', {'cameras': ['front'], 'input__front__upside_down': True}, True),
        ('front', {'cameras': ['front', 'left'], 'input__left__upside_down': True}, False),
    ],
)
def test_images_say_that_they_are_upside_down(make_camera, name, parameters, expected):
    camera, _ = make_camera(name, **parameters)
    message = Image(width=3, height=2, encoding='bgr8', step=9)
    message.data.frombytes(bytes(range(18)))
    decoded = camera.decode(message)
    assert decoded.image.upside_down is expected
    # As they came: they are turned for the network alone.
    np.testing.assert_array_equal(decoded.image.bgr.ravel(), np.arange(18))
