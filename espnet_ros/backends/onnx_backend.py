"""ONNX Runtime on the CPU or a CUDA device: runs wherever it has a wheel."""

from __future__ import annotations

import re
from typing import Any

from espnet_ros.backends.base import Backend
from espnet_ros.backends.device import Device
from espnet_ros.backends.device_memory import CURE
from espnet_ros.backends.machine import cuda_devices, processor_name
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import BackendUnavailableError, DeviceError
from espnet_ros.core.libraries import import_library

_CUDA = 'CUDAExecutionProvider'
# Device errors as the library reports them, from CUDA, cuDNN, cuBLAS and its memory allocator.
_DEVICE = re.compile(
    r'CU(DA|DNN|BLAS)\w* (failure|error)|CU(DNN|BLAS)_STATUS|out of memory|'
    'Failed to allocate memory|smaller than requested bytes'
)


class ONNXBackend(Backend):
    """Runs the ONNX graph in float32, all shapes in one session."""

    name = 'onnx'
    device_kinds = ('cpu', 'cuda')
    precisions = ('f32',)
    no_operators = re.compile(
        r'(?:Fatal error: |No Op registered for |find an implementation for )([\w.:]+)'
    )

    def _load(self, device: str, precision: str) -> tuple[str, str]:
        runtime = import_library('onnxruntime', f'backend {self.name}')
        asked = Device.parse(device)
        here = _CUDA in runtime.get_available_providers() and cuda_devices() > asked.index
        if asked.kind == 'cuda' and not here:
            raise BackendUnavailableError(
                f'backend {self.name} has no device {device!r}: it needs an NVIDIA GPU with its '
                'driver and `pip install onnxruntime-gpu` (in place of onnxruntime); or choose '
                'device cpu'
            )
        providers: list[Any] = ['CPUExecutionProvider']
        if here and asked.kind != 'cpu':
            # TF32 rounds the factors of every product to 10 bits; f32 must mean f32.
            providers.insert(0, (_CUDA, {'device_id': asked.index, 'use_tf32': 0}))
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.computing_threads
        options.log_severity_level = 3
        # By default its threads spin without end while they wait for work. In a node they and the
        # costmaps then delay each other, which takes a third more of the processor and loses
        # images. Not spinning at all makes it a fifth slower where waking up is slow. (Releases
        # before this option ignore it.)
        options.add_session_config_entry('session.intra_op.spin_duration_us', '50')
        self._session = runtime.InferenceSession(
            str(self.bundle.files['onnx']), options, providers=providers
        )
        # The library silently drops a CUDA provider that fails to start.
        self._on_cuda = self._session.get_providers()[0] == _CUDA
        if asked.kind == 'cuda' and not self._on_cuda:
            raise BackendUnavailableError(
                f'backend {self.name} could not start on {device!r}: install the CUDA and cuDNN '
                'versions that onnxruntime-gpu was built for, or choose device cpu'
            )
        # Else a CUDA error would make it continue on the processor silently.
        self._session.disable_fallback()
        return f'cuda:{asked.index}' if self._on_cuda else f'CPU ({processor_name()})', 'f32'

    def _infer(self, images: UInt8Array) -> tuple[Any, Any]:
        try:
            mask, confidence = self._session.run(['mask', 'confidence'], {'image': images})
        except Exception as error:
            if not self._on_cuda or not _DEVICE.search(str(error)):
                raise
            raise DeviceError(
                f'{self.device} has too little memory or failed ({error}). {CURE}; check it with '
                '`nvidia-smi`, or choose device cpu'
            ) from error
        return mask, confidence

    def _free(self) -> None:
        self._session = None
