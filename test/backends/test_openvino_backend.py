"""What OpenVINO makes of our graph; its masks are in test_contract.py."""

from collections import Counter

import numpy as np
import pytest

from espnet_ros.backends.openvino_backend import _make_head_planar
from espnet_ros.bundle import Bundle

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
