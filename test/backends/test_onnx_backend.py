"""What ONNX Runtime is told on CUDA and how its errors there are read, over a stand-in for it."""

from types import SimpleNamespace

import numpy as np
import pytest

from espnet_ros.backends import create_backend, onnx_backend
from espnet_ros.backends.machine import processors
from espnet_ros.core.errors import BackendError, DeviceError

CPU, CUDA = 'CPUExecutionProvider', 'CUDAExecutionProvider'
IMAGES = np.zeros((1, 16, 24, 3), np.uint8)
NODE = 'Non-zero status code returned while running Conv node. Status Message: '


class Options:
    def add_session_config_entry(self, key, value):
        pass


class Session:
    """Gives class 0, or an error; goes on with the processor at an error if it may."""

    def __init__(self, model, options, providers):
        self.providers = providers
        self.falls_back = True
        self.error = None

    def get_providers(self):
        return [p if isinstance(p, str) else p[0] for p in self.providers]

    def disable_fallback(self):
        self.falls_back = False

    def run(self, outputs, inputs):
        if self.error and not self.falls_back:
            raise self.error
        return [np.zeros(IMAGES.shape[:3], np.uint8)] * len(outputs)


@pytest.mark.parametrize(
    ('threads', 'expected'), [(0, processors()), (1, 1), (1024, processors())]
)
def test_the_network_gets_as_many_threads_as_asked_for_and_as_there_are(
    checker, threads, expected
):
    pytest.importorskip('onnxruntime')
    backend = create_backend('onnx', checker, 'cpu')
    backend.threads = threads
    with backend:
        assert backend._session.get_session_options().intra_op_num_threads == expected


@pytest.fixture
def on_cuda(monkeypatch):
    runtime = SimpleNamespace(
        get_available_providers=lambda: [CUDA, CPU],
        SessionOptions=Options,
        InferenceSession=Session,
    )
    monkeypatch.setattr(onnx_backend, 'import_library', lambda *_: runtime)
    monkeypatch.setattr(onnx_backend, 'cuda_devices', lambda: 2)


def test_f32_is_no_tf32_on_cuda(on_cuda, checker):
    with create_backend('onnx', checker, 'cuda:1') as backend:
        assert backend._session.providers == [(CUDA, {'device_id': 1, 'use_tf32': 0}), CPU]
        assert backend.device == 'cuda:1'
    with create_backend('onnx', checker, 'cpu') as backend:
        assert backend._session.providers == [CPU]


@pytest.mark.parametrize(
    'message',
    [
        'CUDA failure 2: out of memory ; GPU=0 ; hostname=robot ; expr=cudaMalloc(&p, size);',
        'CUDA failure 700: an illegal memory access was encountered ; GPU=0',
        'CUDA error cudaErrorIllegalAddress:an illegal memory access was encountered',
        'CUDNN failure 4: CUDNN_STATUS_INTERNAL_ERROR ; GPU=0',
        'CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED ; GPU=0',
        'CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0',
        NODE + 'BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of 8',
        NODE + 'Available memory of 16 is smaller than requested bytes of 32',
    ],
)
def test_a_gpu_that_is_full_or_gone_is_said(message, on_cuda, checker):
    with create_backend('onnx', checker, 'cuda') as backend:
        backend.infer(IMAGES)
        backend._session.error = RuntimeError(message)
        with pytest.raises(DeviceError, match='cuda:0 has too little memory or failed') as error:
            backend.infer(IMAGES)
        assert message in str(error.value)
        backend._session.error = None
        backend.infer(IMAGES)


@pytest.mark.parametrize(
    ('device', 'message'),
    [
        ('cuda', 'Got invalid dimensions for input: image'),
        ('cpu', NODE + 'Failed to allocate memory for requested buffer of 8'),
    ],
)
def test_other_errors_are_none_of_the_device(device, message, on_cuda, checker):
    with create_backend('onnx', checker, device) as backend:
        backend._session.error = RuntimeError(message)
        with pytest.raises(BackendError, match='backend onnx failed on images') as error:
            backend.infer(IMAGES)
        assert not isinstance(error.value, DeviceError)


def test_its_threads_leave_the_processor_to_others_while_they_wait(checker):
    with create_backend('onnx', checker, 'cpu') as backend:
        options = backend._session.get_session_options()
        assert options.get_session_config_entry('session.intra_op.spin_duration_us') == '50'


def test_the_library_has_what_the_stand_in_has(checker):
    import onnxruntime

    with create_backend('onnx', checker, 'cpu') as backend:
        assert isinstance(backend._session, onnxruntime.InferenceSession)
        assert not backend._session._enable_fallback
