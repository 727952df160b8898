"""Libraries that run a model; each is imported only when its backend is entered or asked for."""

from __future__ import annotations

import importlib

from espnet_ros.backends.base import Backend
from espnet_ros.backends.machine import cuda_devices, how_to_get, installed
from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import BackendUnavailableError

# Name -> module, class and the packages of which it needs one, in the order in which 'auto' tries
# them. TensorRT comes last as it builds for minutes at first.
_BACKENDS = {
    'openvino': ('openvino_backend', 'OpenVINOBackend', ('openvino',)),
    'onnx': ('onnx_backend', 'ONNXBackend', ('onnxruntime',)),
    'torch': ('torch_backend', 'TorchBackend', ('torch',)),
    'tensorrt': ('tensorrt_backend', 'TensorRTBackend', ('tensorrt', 'tensorrt_rtx')),
}
BACKENDS = tuple(_BACKENDS)


def create_backend(
    name: str, bundle: Bundle, device: str = 'auto', precision: str = 'auto'
) -> Backend:
    """Return a backend, to be entered with a ``with`` statement.

    :param name: ``auto``, ``openvino``, ``onnx``, ``torch`` or ``tensorrt``; auto takes torch if
        it has a CUDA device (and `device` lets it), else the first installed one of the others
        that can do what is asked for.
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
    if not _is_installed(name):
        library = _BACKENDS[name][2][0]
        others = [n for n in BACKENDS if _is_installed(n) and _has_device(n)]
        raise BackendUnavailableError(
            f'backend {name} needs the Python package {library}, which is not installed: '
            + how_to_get(library)
            + (f', or choose backend {" or ".join(others)}' if others else '')
        )
    return _class_of(name)(bundle, device, precision)


def _class_of(name: str) -> type[Backend]:
    module, class_name, _ = _BACKENDS[name]
    backend: type[Backend] = getattr(importlib.import_module(f'{__name__}.{module}'), class_name)
    return backend


def _is_installed(name: str) -> bool:
    return any(installed(library) for library in _BACKENDS[name][2])


def _has_device(name: str) -> bool:
    return 'cpu' in _class_of(name).device_kinds or cuda_devices() > 0


def _choose(device: str, precision: str) -> str:
    if device != 'cpu' and cuda_devices() and installed('torch'):
        import torch

        if torch.cuda.is_available():
            return 'torch'
    kind = device.partition(':')[0]
    for name in BACKENDS:
        able = _class_of(name)
        fits = kind in ('auto', *able.device_kinds) and precision in ('auto', *able.precisions)
        if fits and _is_installed(name) and _has_device(name):
            return name
    everywhere = [_BACKENDS[n][2][0] for n in BACKENDS if 'cpu' in _class_of(n).device_kinds]
    raise BackendUnavailableError(
        f'no installed backend can compute in {precision} precision on device {device}: install '
        f'one of {", ".join(everywhere)} with pip, or choose device auto and precision auto'
    )
