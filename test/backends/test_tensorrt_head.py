"""The layers that replace TopK, with what they compute worked out in NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest

from espnet_ros.backends.tensorrt_head import _maximum, replace_top_k

TRT = SimpleNamespace(
    LayerType=SimpleNamespace(TOPK='topk', CONVOLUTION='convolution', SHUFFLE='shuffle'),
    TopKOperation=SimpleNamespace(MAX='max', MIN='min'),
    ReduceOperation=SimpleNamespace(MAX=np.max, MIN=np.min),
    ElementWiseOperation=SimpleNamespace(EQUAL=np.equal),
)


class Layer:
    def __init__(self, kind, inputs, outputs, **more):
        self.type = kind
        self.inputs = inputs
        self.outputs = outputs
        self.num_inputs, self.num_outputs = len(inputs), len(outputs)
        vars(self).update(more)

    def get_input(self, index):
        return self.inputs[index]

    def get_output(self, index):
        return self.outputs[index]

    def set_input(self, index, tensor):
        self.inputs[index] = tensor


TRT.ITopKLayer = Layer


class Network:
    """Computes at once: each tensor is an array."""

    def __init__(self, layers=()):
        self.layers = layers
        self.num_layers = len(layers)

    def get_layer(self, index):
        return self.layers[index]

    def add_reduce(self, tensor, operation, axes, keep_dims):
        axis = [axis for axis in range(tensor.ndim) if axes >> axis & 1]
        assert keep_dims and tensor.dtype in (np.float32, np.int32)
        return Layer('reduce', [], [operation(tensor, axis=tuple(axis), keepdims=True)])

    def add_constant(self, shape, weights):
        assert list(shape) == list(weights.shape)
        return Layer('constant', [], [weights])

    def add_elementwise(self, first, second, operation):
        assert first.ndim == second.ndim
        return Layer('elementwise', [], [operation(first, second)])

    def add_select(self, condition, then_input, else_input):
        assert then_input.ndim == condition.ndim == else_input.ndim
        return Layer('select', [], [np.where(condition, then_input, else_input)])

    def add_cast(self, tensor, to_type):
        return Layer('cast', [], [tensor.astype(to_type)])


@pytest.mark.parametrize(('shape', 'axis'), [((2, 4, 5, 7), 2), ((2, 5, 3, 7), 1)])
def test_it_gives_what_a_top_k_of_one_gives(shape, axis):
    # So few values that most maxima are there more than once.
    scores = np.random.default_rng(0).integers(-2, 3, shape).astype(np.float32)
    values, indices = _maximum(TRT, Network(), scores, axis, 5, np.int64)
    np.testing.assert_array_equal(values, scores.max(axis, keepdims=True))
    np.testing.assert_array_equal(indices, scores.argmax(axis, keepdims=True))
    assert indices.dtype == np.int64


def test_it_gives_a_class_even_for_nan():
    scores = np.full((1, 4, 5, 2), np.nan, np.float32)
    _, indices = _maximum(TRT, Network(), scores, 2, 5, np.int64)
    assert indices.max() < 5


class Tensor(np.ndarray):
    """An array with a name."""


def tensor(name, array):
    named = np.asarray(array).view(Tensor)
    named.name = name
    return named


@pytest.mark.parametrize(
    ('maker', 'operation', 'count', 'replaced'),
    [
        ('convolution', 'max', 1, True),
        ('resize', 'max', 1, False),
        ('convolution', 'min', 1, False),
        ('convolution', 'max', 2, False),
    ],
)
def test_only_the_best_of_what_a_convolution_gave_is_replaced(maker, operation, count, replaced):
    scores = np.arange(60, dtype=np.float32).reshape(1, 20, 3)
    made, shaped = tensor('made', scores), tensor('shaped', scores.reshape(1, 4, 5, 3))
    values = tensor('values', np.zeros((1, 4, count, 3), np.float32))
    indices = tensor('indices', np.zeros((1, 4, count, 3), np.int64))
    user = Layer('elementwise', [shaped, values, None, indices], [])
    top = Layer('topk', [shaped], [values, indices], axes=1 << 2, op=operation)
    shuffle = Layer('shuffle', [made], [shaped])
    replace_top_k(TRT, Network([Layer(maker, [], [made]), user, top, shuffle]))
    assert user.inputs[0] is shaped and user.inputs[2] is None
    assert (user.inputs[1] is not values) == (user.inputs[3] is not indices) == replaced
    if replaced:
        assert (user.inputs[1] == shaped.max(2, keepdims=True)).all()
        assert (user.inputs[3] == 4).all()
