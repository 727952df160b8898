"""While an engine is built the executor stands still; /diagnostics hear of it all the same."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn

from espnet_ros.core.color_image import ColorImage
from espnet_ros.core.errors import BackendError
from espnet_ros.ros import node as node_module

SENTENCE = 'building the TensorRT engine, 40 % done'


@pytest.fixture
def node(ros_domain, toy_model):
    given = ('autostart:=false', f'model:={toy_model}', 'backend:=onnx', 'pose.source:=fixed')
    parameters = [word for each in given for word in ('-p', each)]
    rclpy.init(args=['--ros-args', *parameters])
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


def test_a_build_while_images_come_is_told_by_the_timer_alone_until_it_ends(node, monkeypatch):
    reported = []
    spy = SimpleNamespace(publish=lambda array: reported.append(array.status[0]))
    monkeypatch.setattr(node, '_diagnostics', spy)
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    infer, said = node._model.segmenter._backend.infer, []

    def move_on(images):
        # As backend auto does when a device is lost, in the thread of the images.
        node._model.segmenter._backend.on_progress(SENTENCE)
        said.append(len(reported))
        node._report()
        return infer(images)

    monkeypatch.setattr(node._model.segmenter._backend, 'infer', move_on)
    image = ColorImage(np.zeros((24, 32, 3), np.uint8))
    node._infer(node._model, [image])
    # Who builds reports nothing.
    assert said == [0]
    (status,) = reported
    assert (status.level, status.message) == (DiagnosticStatus.WARN, SENTENCE)
    node._report()
    assert SENTENCE not in reported[-1].message


def test_no_sentence_outlasts_the_model(node, monkeypatch):
    reported = []
    spy = SimpleNamespace(publish=lambda array: reported.append(array.status[0]))
    monkeypatch.setattr(node, '_diagnostics', spy)
    node.trigger_configure()
    node._model.segmenter._backend.on_progress(SENTENCE)
    node.trigger_cleanup()
    node._report()
    assert reported[-1].message == 'unconfigured'
