"""The benchmark's mask topic, between two contexts."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

from espnet_ros.ros import mask_topic
from espnet_ros.ros.mask_topic import MaskPublisher, MaskReceiver

DEADLINE_S = 30.0


def test_without_a_subscriber_there_is_nothing_to_measure(ros_domain: int):
    with pytest.raises(TimeoutError, match='no subscriber in another process found in 0 s'):
        MaskPublisher(0.0)


def test_a_receiver_that_does_nothing_holds_the_last_mask(ros_domain: int):
    first, last = (np.full((24, 40), value, np.uint8) for value in (3, 7))
    last[2, 5] = 1
    with closing(MaskReceiver()) as receiver, closing(MaskPublisher(DEADLINE_S)) as publisher:
        for mask in (first, first, last):
            publisher.publish(mask)
        # Only now does anybody look.
        heard = []
        (subscription,) = receiver._node.subscriptions
        subscription.callback = heard.append
        executor = SingleThreadedExecutor(context=receiver._context)
        executor.add_node(receiver._node)
        executor.spin_once(DEADLINE_S)
        executor.shutdown()
    (message,) = heard
    assert (message.width, message.height, message.step) == (40, 24, 40)
    assert message.encoding == 'mono8'
    assert bytes(message.data) == last.tobytes()


@pytest.mark.parametrize(
    ('module', 'fails'), [(rclpy, 'create_node'), (mask_topic, 'create_publisher')]
)
def test_an_end_that_can_not_be_made_leaves_ros(ros_domain: int, monkeypatch, module, fails):
    contexts = []

    def make_context():
        contexts.append(Context())
        return contexts[-1]

    def fail(*_, **__):
        assert contexts[-1].ok()
        raise RuntimeError('no memory')

    monkeypatch.setattr(mask_topic, 'Context', make_context)
    monkeypatch.setattr(module, fails, fail)
    with pytest.raises(RuntimeError, match='no memory'):
        MaskPublisher(0.0)
    assert not contexts[-1].ok()
