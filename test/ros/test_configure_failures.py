"""A configure that fails half-way leaves nothing behind, however often it is tried."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn

from espnet_ros.core.config import OverlayConfig
from espnet_ros.core.labels import CAMVID
from espnet_ros.ros import costmap as costmap_module
from espnet_ros.ros.clouds import CloudOutputs
from espnet_ros.ros.grids import GridPublishers
from espnet_ros.ros.node import SegmentationNode
from espnet_ros.ros.outputs import CameraOutputs


class FakeNode:
    """Makes so many publishers and then no more.

    :param count: how many.
    """

    def __init__(self, count):
        self.made, self._left = [], count

    def create_publisher(self, kind, topic, profile, event_callbacks):
        if not self._left:
            raise RuntimeError('no publisher left')
        self._left -= 1
        self.made.append(topic)
        return SimpleNamespace(topic_name=topic)

    def destroy_publisher(self, publisher):
        self.made.remove(publisher.topic_name)

    def resolve_topic_name(self, topic):
        return topic


MAKERS = {
    'outputs': lambda node: CameraOutputs(node, 'left', CAMVID, OverlayConfig),
    'clouds': lambda node: CloudOutputs(node, 'left', ('people', 'ways'), None),
    'grids': lambda node: GridPublishers(node, ('people', 'ways'), 'odom'),
}


@pytest.mark.parametrize('maker', MAKERS.values(), ids=MAKERS)
def test_what_fails_at_its_last_publisher_destroys_those_before(maker):
    for count in itertools.count():
        node = FakeNode(count)
        try:
            maker(node)
        except RuntimeError:
            assert node.made == []
        else:
            assert len(node.made) == count
            break
    assert count > 2


@pytest.fixture
def make_node(ros_domain, toy_model):
    """Return a function that makes the node with arguments of the command line."""
    with ExitStack() as made:

        def make(*arguments):
            given = ('autostart:=false', f'model:={toy_model}', 'backend:=onnx')
            parameters = [word for each in given for word in ('-p', each)]
            rclpy.init(args=['--ros-args', *parameters, *arguments])
            made.callback(rclpy.shutdown)
            node = SegmentationNode()
            made.callback(node.destroy_node)
            made.callback(node.close)
            return node

        yield make


def counts(node):
    return len(list(node.publishers)), len(list(node.services)), len(list(node._subscriptions))


def test_a_topic_of_two_types_is_refused_and_leaks_nothing(make_node):
    # The second camera's, as the first one is made by then.
    odd = ('-r', '~/right/overlay:=~/odd', '-r', '~/right/overlay/compressed:=~/odd')
    node = make_node('-p', 'cameras:=[left, right]', *odd)
    before = counts(node)
    for _ in range(2):
        assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
        assert counts(node) == before


@pytest.mark.parametrize('part', ['CloudOutputs', 'CostmapWatch'])
def test_cost_maps_that_fail_leak_nothing(make_node, monkeypatch, part):
    node = make_node('-p', 'pose.source:=fixed')
    before = counts(node)

    def fail(*_):
        raise RuntimeError(f'no {part}')

    with monkeypatch.context() as patch:
        patch.setattr(costmap_module, part, fail)
        for _ in range(2):
            assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
            assert counts(node) == before
    assert node._configure_error == f'no {part}'
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    node.trigger_cleanup()
    assert counts(node) == before
