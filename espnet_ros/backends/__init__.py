"""Libraries that run a model; each is imported only when its backend is entered or asked for."""

from __future__ import annotations

import importlib

from espnet_ros.backends.base import Backend
from espnet_ros.backends.machine import cuda_devices, installed
from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import BackendUnavailableError

# Name -> module, class and the package it needs, in the order in which 'auto' tries them.
_BACKENDS = {
    'openvino': ('openvino_backend', 'OpenVINOBackend', 'openvino'),
    'onnx': ('onnx_backend', 'ONNXBackend', 'onnxruntime'),
    'torch': ('torch_backend', 'TorchBackend', 'torch'),
}
BACKENDS = tuple(_BACKENDS)


def create_backend(
    name: str, bundle: Bundle, device: str = 'auto', precision: str = 'auto'
) -> Backend:
    """Return a backend, to be entered with a ``with`` statement.

    :param name: ``auto``, ``openvino``, ``onnx`` or ``torch``; auto takes torch if it has a CUDA
        device (and `device` lets it), else the first installed one of the others that can do
        what is asked for.
    :param bundle: the model.
    :param device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    :param precision: ``auto``, ``f32``, ``bf16`` or ``f16``.
    :raises BackendUnavailableError: for another name, or if the library is not installed.
    """
    if name == 'auto':
        name = _choose(device, precision)
    if name not in _BACKENDS:
        raise BackendUnavailableError(
            f'backend must be one of auto, {", ".join(BACKENDS)}, got {name!r}'
        )
    library = _BACKENDS[name][2]
    if not installed(library):
        others = [n for n in BACKENDS if installed(_BACKENDS[n][2])]
        raise BackendUnavailableError(
            f'backend {name} needs the Python package {library}, which is not installed: '
            f'`pip install {library}`'
            + (f', or choose backend {" or ".join(others)}' if others else '')
        )
    return _class_of(name)(bundle, device, precision)


def _class_of(name: str) -> type[Backend]:
    module, class_name, _ = _BACKENDS[name]
    backend: type[Backend] = getattr(importlib.import_module(f'{__name__}.{module}'), class_name)
    return backend


def _choose(device: str, precision: str) -> str:
    if device != 'cpu' and cuda_devices() and installed('torch'):
        import torch

        if torch.cuda.is_available():
            return 'torch'
    kind = 'cpu' if device == 'auto' else device.partition(':')[0]
    for name, (_, _, library) in _BACKENDS.items():
        able = _class_of(name)
        fits = kind in able.device_kinds and precision in ('auto', *able.precisions)
        if fits and installed(library):
            return name
    raise BackendUnavailableError(
        f'no installed backend can compute in {precision} precision on device {device}: install '
        f'one of {", ".join(library for _, _, library in _BACKENDS.values())} with pip, or choose '
        'device auto and precision auto'
    )
