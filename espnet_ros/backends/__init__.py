"""Libraries that run a model; each is imported only when its backend is needed."""

from __future__ import annotations

import importlib
import os

from espnet_ros.backends.auto_backend import AutoBackend
from espnet_ros.backends.base import Backend
from espnet_ros.backends.device import Device
from espnet_ros.backends.machine import cuda_devices
from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import BackendUnavailableError
from espnet_ros.core.inference import BACKENDS, PRECISIONS
from espnet_ros.core.libraries import absence, how_to_get, installed

# Name -> module, class, and packages; the backend needs one of them.
_BACKENDS = {
    'tensorrt': ('tensorrt_backend', 'TensorRTBackend', ('tensorrt', 'tensorrt_rtx')),
    'openvino': ('openvino_backend', 'OpenVINOBackend', ('openvino',)),
    'onnx': ('onnx_backend', 'ONNXBackend', ('onnxruntime',)),
    'torch': ('torch_backend', 'TorchBackend', ('torch',)),
}


def create_backend(
    name: str,
    bundle: Bundle | str | os.PathLike[str],
    device: str = 'auto',
    precision: str = 'auto',
) -> Backend:
    """Return a backend, to be entered with a ``with`` statement.

    :param name: ``auto``, ``openvino``, ``onnx``, ``torch`` or ``tensorrt``. ``auto`` takes torch
        if it has a CUDA device (and `device` allows it), else tensorrt if there is a CUDA device,
        else the first other installed backend that supports device and precision. It switches to
        the next one if a backend can't be loaded, fails at its first images, or its device runs
        out of memory or is lost.
    :param bundle: the model, or what `Bundle.load` takes: its folder or the name of a shipped one.
    :param device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    :param precision: ``auto``, ``f32``, ``bf16``, ``f16`` or ``int8``.
    :raises BackendUnavailableError: for another name, or if the library is not installed.
    :raises BundleError: if the model has to be loaded and is refused.
    """
    if isinstance(bundle, (str, os.PathLike)):
        bundle = Bundle.load(bundle)
    if name == 'auto':
        names = _choices(device, precision)
        candidates = [_class_of(n)(bundle, d, precision) for n, d in names]
        return AutoBackend(candidates) if len(candidates) > 1 else candidates[0]
    if name not in BACKENDS:
        raise BackendUnavailableError(
            f'backend must be one of auto, {", ".join(BACKENDS)}, got {name!r}'
        )
    if not is_installed(name):
        others = [n for n in BACKENDS if is_installed(n) and _has_device(n)]
        raise BackendUnavailableError(
            absence(f'backend {name}', library_of(name))
            + (f', or choose backend {" or ".join(others)}' if others else '')
        )
    return _class_of(name)(bundle, device, precision)


def library_of(name: str) -> str:
    """Return the Python package that a backend needs."""
    return _BACKENDS[name][2][0]


def is_installed(name: str) -> bool:
    """Return whether a package that a backend needs is installed, without importing it."""
    return any(installed(library) for library in _BACKENDS[name][2])


def _class_of(name: str) -> type[Backend]:
    module, class_name, _ = _BACKENDS[name]
    backend: type[Backend] = getattr(importlib.import_module(f'{__name__}.{module}'), class_name)
    return backend


def _has_device(name: str) -> bool:
    return 'cpu' in _class_of(name).device_kinds or cuda_devices() > 0


def _check_known(precision: str) -> None:
    """Refuse a precision that no backend has on any machine."""
    if precision not in ('auto', *PRECISIONS):
        raise BackendUnavailableError(
            f'precision must be auto, {" or ".join(PRECISIONS)}, got {precision!r}'
        )


def _choices(device: str, precision: str) -> list[tuple[str, str]]:
    """Return the backends that support device and precision, with their devices, best first."""
    kind = Device.parse(device).kind
    _check_known(precision)
    found = [
        (name, device)
        for name in BACKENDS
        if kind in ('auto', *_class_of(name).device_kinds)
        and precision in ('auto', *_class_of(name).precisions)
        and is_installed(name)
        and _has_device(name)
    ]
    if kind != 'cpu' and ('torch', device) in found and _torch_has_cuda():
        place = found.index(('torch', device))
        # On the CPU it keeps its place, for when the GPU fails.
        del found[place]
        if kind == 'auto' and precision != 'f16':
            found.insert(place, ('torch', 'cpu'))
        found.insert(0, ('torch', 'cuda' if kind == 'auto' else device))
    if found:
        return found
    everywhere = [library_of(n) for n in BACKENDS if 'cpu' in _class_of(n).device_kinds]
    ways = '; '.join(f'{library} ({how_to_get(library)})' for library in everywhere)
    raise BackendUnavailableError(
        f'no installed backend can compute in {precision} precision on device {device}: choose '
        f'device auto and precision auto, or install one of {ways}'
    )


def _torch_has_cuda() -> bool:
    if not cuda_devices():
        return False
    import torch

    return bool(torch.cuda.is_available())
