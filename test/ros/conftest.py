"""A model whose masks are known by hand, real node processes, and a peer that talks to them."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

# What needs ROS is not collected where there is none.
if importlib.util.find_spec('rclpy'):
    from pose_rig import make_node, make_poses, publisher  # noqa: F401
else:
    collect_ignore_glob = ['test_*.py']

DEADLINE_S = 30.0


def write_model(folder: Path, slow: bool = False) -> Path:
    """Write a model folder for 32x24 images: class_id = blue // 64, confidence = green.

    Its classes are road, wall, sky and, for blue from 192 on, void.
    """
    from espnet_ros.bundle import save_bundle
    from espnet_ros.core.labels import LabelClass, Labels

    header = {
        'classifier.weight': {'dtype': 'F32', 'shape': [4, 1, 1, 1], 'data_offsets': [0, 16]}
    }
    text = json.dumps(header).encode()
    save_bundle(
        folder,
        architecture={'name': 'espnet_c', 'classes': 4, 'alpha2': 1, 'alpha3': 1},
        size_wh=(32, 24),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        input_scale=1.0,
        labels=Labels(
            [
                LabelClass('road', (128, 64, 128), 'ground'),
                LabelClass('wall', (102, 102, 156), 'upright'),
                LabelClass('sky', (70, 130, 180), 'sky'),
                LabelClass('void', (0, 0, 0), 'void'),
            ]
        ),
        metrics={},
        licence='Apache-2.0',
        contents={
            'weights': len(text).to_bytes(8, 'little') + text + bytes(16),
            'onnx': _onnx_model(slow),
        },
    )
    return folder


def _onnx_model(slow: bool) -> bytes:
    onnx = pytest.importorskip('onnx')
    from onnx import TensorProto, helper

    from espnet_ros.bundle_checks import CLASSES_KEY

    nodes = [
        helper.make_node('Gather', ['image', 'zero'], ['blue8'], axis=3),
        helper.make_node('Cast', ['blue8'], ['blue'], to=TensorProto.FLOAT),
        helper.make_node('Gather', ['image', 'one'], ['confidence'], axis=3),
    ]
    last = 'blue'
    if slow:
        # Sixty passes over each pixel: time that grows with the input size.
        for step in range(60):
            nodes.append(helper.make_node('Sin', [f's{step - 1}' if step else last], [f's{step}']))
        nodes.append(helper.make_node('Mul', ['s59', 'nothing'], ['none']))
        nodes.append(helper.make_node('Add', ['blue', 'none'], ['same']))
        last = 'same'
    nodes += [
        helper.make_node('Div', [last, 'width'], ['ratio']),
        helper.make_node('Floor', ['ratio'], ['id']),
        helper.make_node('Cast', ['id'], ['mask'], to=TensorProto.UINT8),
    ]
    constants = [
        helper.make_tensor('zero', TensorProto.INT64, [], [0]),
        helper.make_tensor('one', TensorProto.INT64, [], [1]),
        helper.make_tensor('width', TensorProto.FLOAT, [], [64.0]),
        helper.make_tensor('nothing', TensorProto.FLOAT, [], [0.0]),
    ]
    axes = ['n', 'h', 'w']
    graph = helper.make_graph(
        nodes,
        'by_hand',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, [*axes, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.UINT8, axes)
            for name in ('mask', 'confidence')
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    helper.set_model_props(model, {CLASSES_KEY: '4'})
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture(scope='session')
def toy_model(tmp_path_factory):
    """Return the folder of a model with masks known by hand."""
    return write_model(tmp_path_factory.mktemp('models') / 'toy')


@pytest.fixture(scope='session')
def slow_model(tmp_path_factory):
    """Return the same model, slower than images come."""
    return write_model(tmp_path_factory.mktemp('models') / 'slow', slow=True)


class NodeProcess:
    """The node as users start it.

    :param console: file descriptor of what it writes to, in place of the log.
    :param program: code that starts it otherwise.
    :param parameters: name -> value, written as on the command line.
    """

    def __init__(
        self, log: Path, environment=None, arguments=(), console=None, program=None, **parameters
    ):
        how = ['-c', program] if program else ['-m', 'espnet_ros.ros.segmentation_node']
        command = [sys.executable, *how, '--ros-args']
        for name, value in parameters.items():
            command += ['-p', f'{name}:={value}']
        self.log = log
        with log.open('w') as output:
            self.process = subprocess.Popen(
                [*command, *arguments],
                stdout=output if console is None else console,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    def stop(self) -> int:
        """Interrupt the node and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


class Peer:
    """A ROS node of the test with everything it heard; what it has is destroyed by `run` only."""

    def __init__(self, domain: int):
        import rclpy
        from rclpy.context import Context
        from rclpy.executors import SingleThreadedExecutor

        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node('peer', context=self._context)
        self.heard = defaultdict(list)
        self._changed = threading.Condition()
        self._done = False
        self._failure = None
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self):
        try:
            while not self._done:
                self._executor.spin_once(0.2)
        except Exception as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _check(self):
        # No AssertionError: who sends until something comes would go on.
        if self._failure is not None:
            raise RuntimeError('the peer hears nothing any more') from self._failure

    def listen(self, kind, topic, qos=10):
        """Keep the messages of a topic in `heard`."""

        def on_message(message):
            with self._changed:
                self.heard[topic].append(message)
                self._changed.notify_all()

        subscription = self.node.create_subscription(kind, topic, on_message, qos)
        self._executor.wake()
        return subscription

    def wake(self):
        """Make the executor see what was created in another thread."""
        self._executor.wake()

    def wait(self, condition, what, deadline_s=DEADLINE_S):
        """Wait until something heard makes the condition true and return its value."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._failure or condition(), deadline_s)
            self._check()
            assert came, f'waited in vain for {what}'
            return condition()

    def run(self, function, *arguments):
        """Call a function in the thread that spins and return what it returns.

        rclpy's executor ends with InvalidHandle where a publisher, a subscription or a node is
        destroyed by another thread while it gathers what to wait for.
        """
        return self._result(self._executor.create_task(function, *arguments), str(function))

    def call(self, kind, name, request):
        """Call a service of the node and return the response."""
        client = self.node.create_client(kind, name)
        try:
            assert client.wait_for_service(DEADLINE_S), f'no service {name}'
            return self._result(client.call_async(request), f'an answer from {name}')
        finally:
            self.run(self.node.destroy_client, client)

    def _result(self, future, what):
        def tell(_):
            with self._changed:
                self._changed.notify_all()

        future.add_done_callback(tell)
        self._executor.wake()
        self.wait(future.done, what)
        return future.result()

    def close(self):
        """Leave ROS, and tell if the peer had stopped to hear."""
        import rclpy

        self._done = True
        self._executor.wake()
        self._thread.join(DEADLINE_S)
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)
        self._check()


@pytest.fixture(scope='module')
def peer(ros_domain):
    """Return a ROS node of the test, on a domain of its own."""
    peer = Peer(ros_domain)
    yield peer
    peer.close()


def quadrants(width: int, height: int) -> np.ndarray:
    """Return a BGR image of four blocks: road, wall, sky and void for the model by hand."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, width // 2 :, 0] = 64 + 20
    image[height // 2 :, : width // 2, 0] = 128 + 20
    image[height // 2 :, width // 2 :, 0] = 192 + 20
    image[:, : width // 2, 1] = 250
    image[..., 2] = 33
    return image


@pytest.fixture(scope='session')
def make_quadrants():
    """Return the function that draws the test image."""
    return quadrants


@pytest.fixture(scope='session')
def start_node(tmp_path_factory):
    """Return a function that starts the node; what still runs at the end is stopped."""
    started = []

    def start(*arguments, environment=None, **parameters):
        log = tmp_path_factory.mktemp('log') / 'node.log'
        # Dots in names can't be keywords: two underscores stand for one.
        named = {name.replace('__', '.'): value for name, value in parameters.items()}
        node = NodeProcess(log, environment, arguments, **named)
        started.append(node)
        return node

    yield start
    for node in started:
        node.stop()
