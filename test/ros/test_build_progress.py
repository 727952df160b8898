"""While an engine is built the executor stands still; /diagnostics hear of it all the same."""

from __future__ import annotations

import threading

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn

from espnet_ros.core.errors import BackendError
from espnet_ros.ros import node as node_module

SENTENCE = 'building the TensorRT engine, 40 % done'


@pytest.fixture
def node(ros_domain):
    rclpy.init(args=['--ros-args', '-p', 'autostart:=false'])
    try:
        node = node_module.SegmentationNode()
        yield node
        node.close()
        node.destroy_node()
    finally:
        rclpy.shutdown()


def test_diagnostics_say_how_far_the_build_is(node, peer, monkeypatch):
    peer.listen(DiagnosticArray, '/diagnostics')

    def status(words):
        arrays = peer.heard['/diagnostics']
        return next((s for a in arrays for s in a.status if words in s.message), None)

    def load(config, on_progress):
        # Told from a thread of the builder, until discovery is through.
        done = threading.Event()

        def build():
            while not done.wait(0.05):
                on_progress(SENTENCE)

        builder = threading.Thread(target=build)
        builder.start()
        try:
            found = peer.wait(lambda: status(SENTENCE), 'progress on /diagnostics')
        finally:
            done.set()
            builder.join()
        assert found.level == DiagnosticStatus.OK
        assert {v.key: v.value for v in found.values}['state'] == 'configuring'
        raise BackendError('no space left')

    monkeypatch.setattr(node_module, 'load_model', load)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    node._report()
    peer.wait(lambda: status('not configured: no space left'), 'the error on /diagnostics')
