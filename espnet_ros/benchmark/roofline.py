"""The arithmetic that this machine can do: matrix products of the installed libraries.

A network can't be faster than its multiplications at this speed, whatever runs it. The peak is
the best of all libraries, as each of them is slow on some machines.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from espnet_ros.backends.machine import multiplies_bf16
from espnet_ros.core.libraries import import_library, installed

# Large enough that packing and starting threads cost nothing, small enough for a slow machine.
CPU_SIDE = 1024
CUDA_SIDE = 8192

_CPU_LIBRARIES = {'f32': ('torch', 'openvino', 'numpy'), 'bf16': ('torch', 'openvino')}
# tf32: float32 with rounded factors, which PyTorch's own convolutions use.
_CUDA_PRECISIONS = ('f32', 'tf32', 'bf16', 'f16')


def gemm_kinds(cuda: str | None) -> list[dict[str, str]]:
    """Return what can be measured here: device, library and precision of each.

    :param cuda: ``cuda:N`` if that device is to be measured, too.
    """
    kinds = [
        {'device': 'cpu', 'library': library, 'precision': precision}
        for precision, libraries in _CPU_LIBRARIES.items()
        if precision == 'f32' or multiplies_bf16()
        for library in libraries
        if installed(library)
    ]
    if cuda and installed('torch'):
        kinds += [
            {'device': cuda, 'library': 'torch', 'precision': p} for p in _CUDA_PRECISIONS
        ]
    return kinds


def peaks(measured: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return ``cpu`` or ``cuda`` -> precision -> the best of the measured products.

    :param measured: `gemm_kinds`, each with ``gflops``, None where it failed.
    """
    best: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in measured:
        of_device = best.setdefault(entry['device'].partition(':')[0], {})
        rival = of_device.get(entry['precision'])
        if entry['gflops'] and (rival is None or entry['gflops'] > rival['gflops']):
            of_device[entry['precision']] = entry
    return best


class Gemm:
    """A square matrix product, ready to run.

    :param library: ``torch``, ``openvino`` or ``numpy``.
    :param precision: ``f32``, ``bf16``, and of CUDA devices ``tf32`` or ``f16``.
    :param device: ``cpu`` or ``cuda:N``.
    """

    def __init__(self, library: str, precision: str, device: str) -> None:
        self._side = CPU_SIDE if device == 'cpu' else CUDA_SIDE
        make = {'torch': _torch, 'openvino': _openvino, 'numpy': _numpy}[library]
        self._multiply = make(self._side, precision, device)
        self._multiply()

    def gflops(self, seconds: float) -> float:
        """Return the median speed of one product, in 10^9 operations a second.

        :param seconds: to measure for; one product at least.
        """
        speeds: list[float] = []
        start = time.perf_counter()
        while not speeds or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            self._multiply()
            speeds.append(2e-9 * self._side**3 / (time.perf_counter() - before))
        return float(np.median(speeds))


def _matrices(side: int) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    shape = (side, side)
    return random.random(shape, np.float32), random.random(shape, np.float32)


def _numpy(side: int, precision: str, device: str) -> Callable[[], None]:
    a, b = _matrices(side)
    product = np.empty_like(a)

    def multiply() -> None:
        np.matmul(a, b, out=product)

    return multiply


def _torch(side: int, precision: str, device: str) -> Callable[[], None]:
    torch: Any = import_library('torch', 'gemm')
    kinds = {'bf16': torch.bfloat16, 'f16': torch.float16}
    kind = kinds.get(precision, torch.float32)
    a, b = (torch.from_numpy(m).to(device, kind) for m in _matrices(side))
    product = torch.empty_like(a)
    # The backends have TF32 off, so the ceiling of their f32 is without it, too.
    torch.backends.cuda.matmul.allow_tf32 = precision == 'tf32'

    def multiply() -> None:
        with torch.inference_mode():
            torch.mm(a, b, out=product)
        if device != 'cpu':
            torch.cuda.synchronize(device)

    return multiply


def _openvino(side: int, precision: str, device: str) -> Callable[[], None]:
    openvino: Any = import_library('openvino', 'gemm')
    ops = openvino.opset13
    a, b = _matrices(side)
    left = ops.parameter([side, side], np.float32)
    # A constant, as weights are, so that the library may rearrange it beforehand.
    model = openvino.Model([ops.matmul(left, ops.constant(b), False, False)], [left])
    options = {'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_PRECISION_HINT': precision}
    request = openvino.Core().compile_model(model, 'CPU', options).create_infer_request()
    request.get_input_tensor().data[...] = a

    def multiply() -> None:
        request.infer()

    return multiply
