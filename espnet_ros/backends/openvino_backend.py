"""OpenVINO on the CPU: the fastest way on x86-64 without a GPU."""

from __future__ import annotations

import functools
import re
from typing import Any

from espnet_ros.backends.base import Backend
from espnet_ros.backends.by_shape import ByShape
from espnet_ros.backends.machine import adds_int8_products
from espnet_ros.backends.precision import not_in_model
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import BackendUnavailableError
from espnet_ros.core.libraries import import_library


class OpenVINOBackend(Backend):
    """Compiles the ONNX graph for each image shape when it first occurs.

    There is no model cache: loading a cached graph of this size takes as long as compiling it
    (a quarter of a second), and a cache can be stale, unwritable or somebody else's.
    """

    name = 'openvino'
    device_kinds = ('cpu',)
    precisions = ('f32', 'bf16', 'int8')
    no_operators = re.compile(
        '(?:No conversion rule found for|not support the following ONNX) operations: (.+)'
    )

    def _load(self, device: str, precision: str) -> tuple[str, str]:
        self._requests: ByShape[Any] = ByShape()
        self._openvino = import_library('openvino', f'backend {self.name}')
        self._core = _core(self._openvino)
        self._check_precision(precision)
        self._role = 'onnx_int8' if precision == 'int8' else 'onnx'
        self._options = {'PERFORMANCE_HINT': 'LATENCY'}
        if self.threads:
            self._options['INFERENCE_NUM_THREADS'] = str(self.computing_threads)
        if precision != 'auto':
            # For the unquantised rest of an int8 graph, whose masks are known in float32 only.
            hint = 'f32' if precision == 'int8' else precision
            self._options['INFERENCE_PRECISION_HINT'] = hint
        width, height = self.bundle.size_wh
        request = self._request((1, height, width, 3))
        resolved = request.get_compiled_model().get_property('INFERENCE_PRECISION_HINT')
        name = self._core.get_property('CPU', 'FULL_DEVICE_NAME').strip()
        return f'CPU ({name})', precision if precision == 'int8' else resolved.to_string()

    def _check_precision(self, precision: str) -> None:
        able = self._core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
        # This lists INT8 also for processors without VNNI.
        if precision == 'bf16' and 'BF16' not in able:
            raise BackendUnavailableError(
                f'backend {self.name} computes in bf16 only on processors with AVX512-BF16 or '
                'AMX, this one has neither: choose precision auto or f32'
            )
        if precision == 'int8' and not adds_int8_products():
            raise BackendUnavailableError(
                f'backend {self.name} computes in int8 only on processors with AVX512-VNNI or '
                'AVX-VNNI, this one has neither: choose precision auto or f32'
            )
        if precision == 'int8' and 'onnx_int8' not in self.bundle.files:
            raise not_in_model(self.name, precision, self.bundle.name, 'auto or f32')

    def _infer(self, images: UInt8Array) -> tuple[Any, Any]:
        request = self._request(images.shape)
        # Copied, because shared memory would have to outlive the call and be writable.
        request.get_input_tensor().data[...] = images
        request.infer()
        return (
            request.get_tensor('mask').data.copy(),
            request.get_tensor('confidence').data.copy(),
        )

    def _free(self) -> None:
        self._requests.clear()
        self._core = None

    def _request(self, shape: tuple[int, ...]) -> Any:
        return self._requests.of(shape, self._compiled)

    def _compiled(self, shape: tuple[int, ...]) -> Any:
        model = self._core.read_model(self.bundle.files[self._role])
        model.reshape(list(shape))
        _make_head_planar(model, self._openvino.opset13)
        return self._core.compile_model(model, 'CPU', self._options).create_infer_request()


@functools.cache
def _core(openvino: Any) -> Any:
    """Return the one core of this process, which lives as long as the process.

    Its CPU plug-in gives the thread a signal stack, and restores the previous one when it is
    freed. With two cores, that previous stack may be freed already; the next signal, e.g. Ctrl-C,
    then is a segmentation fault (OpenVINO 2026.4).
    """
    return openvino.Core()


def _make_head_planar(model: Any, ops: Any) -> None:
    """Replace the 1 x 1 convolution before TopK by a matrix product, which computes the same.

    A convolution leaves channels last in memory. There TopK is slow or, in float32, the reorder
    to planes takes longer than the rest of the head. A matrix product leaves planes. (The file
    keeps the convolution, because TensorRT has no float32 matrix products on Turing GPUs.)

    :param model: with a static shape; changed in place. A model without such a head stays as it
        is.
    :param ops: the operator set of the library.
    """
    for top in [op for op in model.get_ops() if op.get_type_name() == 'TopK']:
        reshape = top.input_value(0).get_node()
        head = reshape.input_value(0).get_node()
        if reshape.get_type_name() != 'Reshape' or head.get_type_name() != 'Convolution':
            continue
        features, weight = head.input_value(0), head.input_value(1)
        batch, channels, height, width = features.get_shape()
        planes = ops.reshape(features, [batch, channels, height * width], False)
        rows = ops.reshape(weight, [1, weight.get_shape()[0], channels], False)
        product = ops.matmul(rows, planes, False, False)
        back = ops.reshape(product, list(head.output(0).get_shape()), False)
        head.output(0).replace(back.output(0))
