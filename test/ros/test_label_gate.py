"""Who gets points of ``~/nav``, and when: over DDS, on a clock that the test turns."""

from __future__ import annotations

import threading
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from pose_rig import DEADLINE_S
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header, String

from espnet_ros.core.clouds import NavCloud
from espnet_ros.ros import clouds, publishers
from espnet_ros.ros.label_gate import LabelGate

event_handler = pytest.importorskip(
    'rclpy.event_handler', reason='Humble tells nobody that a subscriber has come'
)
NAV = {'nav/mask': Image, 'nav/confidence': Image, 'nav/points': PointCloud2}
LOOK = SimpleNamespace(mask=None, confidence=None, model=None, T_base_camera=None, depth_m=None)


def read(*_):
    """Return clouds of 5x3 pixels."""
    mask, confidence = np.zeros((2, 3, 5), np.uint8)
    nav = NavCloud(mask, confidence, np.zeros((3, 5, 3), np.float32))
    return SimpleNamespace(aligned=lambda: nav, of_layer=lambda _: nav.points[0])


class Layer:
    """Subscriptions of a layer of Nav2, and the stamps of what it has heard by topic.

    :param topics: those of `NAV`, by what comes behind the node's name.
    """

    def __init__(self, rig, topics):
        self._rig = rig
        self.heard = {topic: [] for topic in topics}
        counts = {topic: count + 1 for topic, count in rig.matched.items() if topic in topics}
        create = partial(rig.peer.node.create_subscription, qos_profile=qos_profile_sensor_data)
        self._made = [
            create(kind, rig.name(topic), callback=partial(self._hear, topic))
            for topic, kind in topics.items()
        ]
        rig.peer.wake()
        rig.wait(lambda: counts.items() <= rig.matched.items(), 'a match')

    def leave(self):
        peer = self._rig.peer
        for subscription in self._made:
            peer.run(peer.node.destroy_subscription, subscription)

    def _hear(self, topic, message):
        with self._rig.changed:
            self.heard[topic].append(message.header.stamp.sec)
            self._rig.changed.notify_all()


class Rig:
    """The clouds of a node that sends images with the stamps 1, 2, 3 ..."""

    def __init__(self, monkeypatch, node, peer):
        self.node, self.peer, self.now_s = node, peer, 100.0
        self.changed = threading.Condition()
        # Subscribers that a publisher has found, by topic.
        self.matched = dict.fromkeys(('nav/mask', 'nav/confidence', 'nav/points', 'points/way'), 0)
        monkeypatch.setattr(clouds, 'LabelGate', partial(LabelGate, now_s=lambda: self.now_s))
        monkeypatch.setattr(publishers, 'create_publisher', self._create_publisher)
        maker = SimpleNamespace(read=read)
        self.outputs = clouds.CloudOutputs(node, '', ('way',), maker)
        self._stamp = 0

    def name(self, topic):
        return f'{self.node.get_fully_qualified_name()}/{topic}'

    def send(self, now_s):
        self.now_s = 100.0 + now_s
        self._stamp += 1
        header = Header()
        header.stamp.sec = self._stamp
        self.outputs.publish(header, LOOK)

    def wait(self, condition, what):
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE_S), f'waited in vain for {what}'

    def _create_publisher(self, node, kind, topic, profile):
        def on_match(status):
            with self.changed:
                self.matched[topic.removeprefix('~/')] = status.current_count
                self.changed.notify_all()

        callbacks = event_handler.PublisherEventCallbacks(
            use_default_callbacks=False, matched=on_match
        )
        return node.create_publisher(kind, topic, profile, event_callbacks=callbacks)


@pytest.fixture
def rig(monkeypatch, make_node, peer):
    return Rig(monkeypatch, make_node(), peer)


def test_a_new_subscriber_gets_masks_at_once_and_points_after_the_hold(rig):
    layer = Layer(rig, NAV)
    for stamp, now_s in enumerate((0.0, 0.4, 0.99, 1.0, 1.1), start=1):
        rig.send(now_s)
        for topic in ('nav/mask', 'nav/confidence'):
            rig.wait(lambda t=topic, s=stamp: s in layer.heard[t], topic)
    rig.wait(lambda: 5 in layer.heard['nav/points'], 'points')
    assert layer.heard['nav/points'] == [4, 5]


def test_who_takes_anothers_place_between_two_images_waits_as_he_did(rig):
    first = Layer(rig, NAV)
    rig.send(0.0)
    rig.send(2.0)
    rig.wait(lambda: first.heard['nav/points'] == [2], 'points')
    second = Layer(rig, NAV)
    first.leave()
    rig.wait(lambda: set(rig.matched.values()) == {0, 1}, 'the leave')
    for now_s in (2.1, 3.0, 3.1):
        rig.send(now_s)
    rig.wait(lambda: 5 in second.heard['nav/points'], 'points')
    assert second.heard['nav/points'] == [5]


def test_one_who_leaves_makes_nobody_wait_and_one_of_another_topic_of_nav_does(rig):
    stays, leaves = Layer(rig, NAV), Layer(rig, NAV)
    rig.send(0.0)
    leaves.leave()
    rig.wait(lambda: rig.matched['nav/points'] == 1, 'the leave')
    rig.send(1.0)
    rig.wait(lambda: stays.heard['nav/points'] == [2], 'points')
    Layer(rig, {'nav/confidence': Image})
    rig.send(1.1)
    rig.send(2.1)
    rig.wait(lambda: 4 in stays.heard['nav/points'], 'points')
    assert stays.heard['nav/points'] == [2, 4]


def test_points_of_a_layer_are_never_held_back(rig):
    layer = Layer(rig, {'points/way': PointCloud2})
    rig.send(0.0)
    rig.wait(lambda: layer.heard['points/way'] == [1], 'points')


def test_a_layer_that_no_class_table_can_reach_is_told_once_for_as_long_as_it_listens(
    rig, capfd
):
    rig.send(0.0)
    masks = Layer(rig, {'nav/mask': Image})
    rig.send(0.1)
    # Who looks at masks alone comes to no harm.
    assert rig.outputs.problem() == ''
    points = Layer(rig, {'nav/points': PointCloud2})
    for now_s in (0.2, 0.3):
        rig.send(now_s)
    told = capfd.readouterr().err
    name = rig.node.get_fully_qualified_name()
    assert f'subscribes to {name}/nav/mask and {name}/nav/points, but nobody publishes' in told
    assert rig.outputs.problem() in told
    assert told.count('[ERROR]') == 1
    points.leave()
    rig.wait(lambda: rig.matched['nav/points'] == 0, 'the leave')
    rig.send(0.4)
    assert rig.outputs.problem() == ''
    Layer(rig, {'nav/points': PointCloud2})
    rig.send(0.5)
    assert capfd.readouterr().err.count('[ERROR]') == 1
    # What is asked for is sent all the same.
    rig.wait(lambda: 6 in masks.heard['nav/mask'], 'masks')


def test_a_class_table_of_somebody_else_is_as_good(make_node, monkeypatch, peer):
    rig = Rig(monkeypatch, make_node(cli_args=['--ros-args', '-r', '~/label_info:=names']), peer)
    Layer(rig, NAV)
    assert 'nobody publishes' in rig.outputs.problem()
    name = f'{rig.node.get_namespace()}/names'
    assert f'nobody publishes {name}:' in rig.outputs.problem()
    rig.node.create_publisher(String, '~/label_info', 1)
    assert rig.outputs.problem() == ''
