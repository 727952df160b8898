"""What OpenVINO makes of our graph; its masks are in test_contract.py."""

import dataclasses
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from espnet_ros.backends import create_backend, openvino_backend
from espnet_ros.backends.machine import adds_int8_products, processors
from espnet_ros.backends.openvino_backend import _make_head_planar
from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import BackendUnavailableError
from espnet_ros.sim import Street

openvino = pytest.importorskip('openvino')


def kinds(model) -> Counter:
    return Counter(op.get_type_name() for op in model.get_ops())


def outputs(model, image):
    options = {'INFERENCE_PRECISION_HINT': 'f32'}
    result = openvino.Core().compile_model(model, 'CPU', options)(image)
    return result['mask'], result['confidence']


def test_the_head_becomes_a_matrix_product_with_the_same_masks():
    bundle = Bundle.load('espnet_camvid')
    core = openvino.Core()
    image = np.random.default_rng(0).integers(0, 256, (2, 40, 72, 3), dtype=np.uint8)
    model = core.read_model(bundle.files['onnx'])
    model.reshape([2, 40, 72, 3])
    before, plain = kinds(model), outputs(model, image)
    _make_head_planar(model, openvino.opset13)
    after, planar = kinds(model), outputs(model, image)
    assert after['MatMul'] == before['MatMul'] + 1
    assert after['Convolution'] == before['Convolution'] - 1
    assert len(np.unique(plain[0])) > 2
    assert (planar[0] == plain[0]).mean() > 0.999
    assert np.abs(planar[1].astype(int) - plain[1]).max() <= 1


def test_other_graphs_are_left_alone():
    ops = openvino.opset13
    image = ops.parameter([1, 3, 8, 16], np.float32)
    weight = ops.constant(np.ones((5, 3, 1, 1), np.float32))
    scores = ops.convolution(image, weight, [1, 1], [0, 0], [0, 0], [1, 1])
    best = ops.topk(scores, ops.constant(np.int64(1)), 1, 'max', 'none')
    model = openvino.Model([best.output(0)], [image])
    before = kinds(model)
    _make_head_planar(model, ops)
    assert kinds(model) == before


# Of a process that swapped its model, the first one freed before the second.
SWAP = """
import signal
from espnet_ros.backends import create_backend
from espnet_ros.bundle import Bundle

bundle = Bundle.load('espnet_camvid_small')
first, second = (create_backend('openvino', bundle, precision='f32') for _ in range(2))
first.__enter__()
second.__enter__()
first.__exit__(None, None, None)
second.__exit__(None, None, None)
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print('interrupted')
"""


def test_ctrl_c_after_a_swap_is_no_segmentation_fault():
    result = subprocess.run([sys.executable, '-c', SWAP], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, 'interrupted\n'), result.stderr


@pytest.fixture
def vnni(monkeypatch):
    """Let every test machine count as one that multiplies 8-bit integers."""
    monkeypatch.setattr(openvino_backend, 'adds_int8_products', lambda: True)


def test_int8_runs_quantised_convolutions_and_says_so(vnni):
    with create_backend('openvino', Bundle.load('espnet_camvid'), precision='int8') as backend:
        assert backend.precision == 'int8'
        model = backend._request((1, 360, 480, 3)).get_compiled_model().get_runtime_model()
    kinds = Counter(
        op.get_rt_info()['runtimePrecision'] for op in model.get_ops()
        if op.get_rt_info()['layerType'] == 'Convolution'
    )  # fmt: skip
    # Of 81 in the file; which of them OpenVINO takes is its own choice on each processor.
    assert kinds['i8'] + kinds['u8'] > 40, kinds


@pytest.mark.skipif(not adds_int8_products(), reason='a processor without VNNI')
def test_int8_gives_the_masks_of_the_same_graph_elsewhere():
    onnxruntime = pytest.importorskip('onnxruntime')
    bundle = Bundle.load('espnet_camvid')
    image = Street(seed=5, length_m=40.0).render(3.0).image_bgr[None]
    with create_backend('openvino', bundle, precision='int8') as backend:
        mask, confidence = backend.infer(image)
    session = onnxruntime.InferenceSession(
        bundle.files['onnx_int8'].read_bytes(), providers=['CPUExecutionProvider']
    )
    expected_mask, expected_confidence = session.run(
        ['mask', 'confidence'], {'image': image}
    )
    # Steps of 8 bits, taken one further by a rounding, are a little apart; 96 % without the scale
    # of a concatenation, see quantize.py.
    assert (mask == expected_mask).mean() > 0.99
    # A step of the uint8 that confidence is sent in.
    assert abs(confidence.mean() - expected_confidence.mean()) < 1


def test_int8_of_a_model_without_that_file_is_refused(vnni):
    bundle = Bundle.load('espnet_camvid')
    files = {role: file for role, file in bundle.files.items() if role != 'onnx_int8'}
    backend = create_backend(
        'openvino', dataclasses.replace(bundle, files=files), precision='int8'
    )
    with pytest.raises(BackendUnavailableError, match='export --int8`, or choose precision auto'):
        backend.__enter__()


def test_int8_on_a_processor_that_overflows_is_refused(monkeypatch):
    monkeypatch.setattr(openvino_backend, 'adds_int8_products', lambda: False)
    backend = create_backend('openvino', Bundle.load('espnet_camvid'), precision='int8')
    with pytest.raises(BackendUnavailableError, match='AVX-VNNI, this one has neither: choose'):
        backend.__enter__()


@pytest.mark.parametrize(('threads', 'expected'), [(1, 1), (1024, processors())])
def test_the_network_gets_as_many_threads_as_asked_for_and_as_there_are(
    checker, threads, expected
):
    backend = create_backend('openvino', checker, 'cpu', 'f32')
    backend.threads = threads
    with backend:
        compiled = backend._request((1, 16, 24, 3)).get_compiled_model()
        assert compiled.get_property('INFERENCE_NUM_THREADS') == expected
