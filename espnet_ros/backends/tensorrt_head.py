"""The best class of each pixel from layers that are fast in TensorRT, in place of its TopK.

TopK sorts, and along an axis of classes it is among the library's slowest layers (onnx-tensorrt
issues 669, 671 and 792). The file keeps TopK, because other libraries are fastest with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def replace_top_k(trt: Any, network: Any) -> None:
    """Replace each TopK with k = 1 over the outputs of a convolution by reductions.

    The result is the same; of several equal maxima, both return the first index.

    :param trt: the library.
    :param network: as parsed, with the number of classes known; changed in place.
    """
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    for layer in layers:
        if layer.type != trt.LayerType.TOPK or not _is_convolved(trt, layers, layer.get_input(0)):
            continue
        # The library returns layers as the base class.
        layer.__class__ = trt.ITopKLayer
        axis = layer.axes.bit_length() - 1
        classes = layer.get_input(0).shape[axis]
        values, indices = layer.get_output(0), layer.get_output(1)
        is_one = values.shape[axis] == 1 and layer.op == trt.TopKOperation.MAX
        if not is_one or classes < 1:
            continue
        best = _maximum(trt, network, layer.get_input(0), axis, classes, indices.dtype)
        for other in layers:
            _rewire(other, {values.name: best[0], indices.name: best[1]})


def _is_convolved(trt: Any, layers: list[Any], tensor: Any) -> bool:
    """Return whether a tensor is the output of a convolution, perhaps reshaped.

    The library may compute a cheaper layer, such as the resizing of an encoder's scores, once for
    each use, in kernels that round differently: then the maximum would equal none of the scores.
    """
    makers = {
        layer.get_output(i).name: layer for layer in layers for i in range(layer.num_outputs)
    }
    maker = makers.get(tensor.name)
    while maker is not None and maker.type == trt.LayerType.SHUFFLE:
        maker = makers.get(maker.get_input(0).name)
    return maker is not None and maker.type == trt.LayerType.CONVOLUTION


def _maximum(
    trt: Any, network: Any, scores: Any, axis: int, classes: int, index_type: Any
) -> tuple[Any, Any]:
    """Return the maximum along an axis and the first index of it."""

    def reduce(tensor: Any, operation: Any) -> Any:
        return network.add_reduce(tensor, operation, 1 << axis, True).get_output(0)

    def constant(values: list[int]) -> Any:
        shape = [1] * len(scores.shape)
        shape[axis] = len(values)
        array = np.array(values, np.int32).reshape(shape)
        return network.add_constant(shape, array).get_output(0)

    best = reduce(scores, trt.ReduceOperation.MAX)
    equal = network.add_elementwise(scores, best, trt.ElementWiseOperation.EQUAL).get_output(0)
    # If none is equal, as with NaN, take the last class, so that the result is always a class.
    number, last = constant(list(range(classes))), constant([classes - 1])
    candidates = network.add_select(equal, number, last).get_output(0)
    first = reduce(candidates, trt.ReduceOperation.MIN)
    return best, network.add_cast(first, index_type).get_output(0)


def _rewire(layer: Any, by_name: dict[str, Any]) -> None:
    for index in range(layer.num_inputs):
        tensor = layer.get_input(index)
        if tensor is not None and tensor.name in by_name:
            layer.set_input(index, by_name[tensor.name])
