"""A CUDA driver and a TensorRT that run on the CPU; the fixtures are conftest's, too."""

import ctypes
import shutil
import subprocess
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from espnet_ros.backends import create_backend, cuda_driver, tensorrt_backend, tensorrt_engines
from espnet_ros.backends.tensorrt_library import Library


@pytest.fixture(scope='session')
def fake_cuda(tmp_path_factory):
    """Compile a CUDA driver that runs on the CPU and counts what it holds."""
    compiler = shutil.which('cc') or shutil.which('gcc')
    if compiler is None:
        pytest.skip('no C compiler for the fake CUDA driver')
    library = tmp_path_factory.mktemp('cuda') / 'libcuda.so.1'
    source = Path(__file__).with_name('fake_cuda.c')
    subprocess.run([compiler, '-shared', '-fPIC', '-o', library, source], check=True)
    return ctypes.CDLL(str(library))


class FakeContext:
    """Gives the class blue // 52 with a confidence of green."""

    def __init__(self, driver):
        self._driver = driver
        self._address = {}
        self._work = ctypes.CFUNCTYPE(None)(self._run)

    def set_tensor_address(self, name, address):
        self._address[name] = address
        return True

    def set_input_shape(self, name, shape):
        self._shape = shape
        return name == 'image'

    def execute_async_v3(self, stream):
        return self._driver.fake_enqueue(ctypes.c_void_p(stream), self._work) == 0

    def _run(self):
        image = self._array('image', self._shape)
        self._array('mask', self._shape[:3])[...] = image[..., 0] // 52
        self._array('confidence', self._shape[:3])[...] = image[..., 1]

    def _array(self, name, shape):
        size = int(np.prod(shape))
        memory = (ctypes.c_uint8 * size).from_address(self._address[name])
        return np.ctypeslib.as_array(memory).reshape(shape)


@pytest.fixture
def built(monkeypatch, fake_cuda, tmp_path):
    """Put the fakes in place and return the list of the profiles for which engines are built."""
    calls = []

    class Runtime:
        refuses = None  # or why, all engines

        def __init__(self, logger):
            pass

        def deserialize_cuda_engine(self, plan):
            if self.refuses or plan.startswith(b'stale'):
                library.messages.append(self.refuses or 'built by another version')
                return None
            context = lambda: FakeContext(fake_cuda)  # noqa: E731
            return SimpleNamespace(plan=plan, create_execution_context=context)

    def build(_, model, profile, gpu, timing, listener, cuda):
        assert cuda.gpu() == gpu and fake_cuda.fake_current()
        listener and listener(40)
        calls.append((profile.batch, profile.height, profile.width, timing))
        return b'plan for %d x %d' % (profile.width, profile.height), b'times'

    module = SimpleNamespace(Runtime=Runtime)
    library = Library(module, 'TensorRT 10.3.0', False, deque(maxlen=5), None)
    monkeypatch.setattr(tensorrt_backend, 'load_library', lambda: library)
    monkeypatch.setattr(tensorrt_engines, 'build_engine', build)
    monkeypatch.setattr(cuda_driver.ctypes, 'CDLL', lambda name: fake_cuda)
    monkeypatch.setattr('espnet_ros.backends.installed', lambda library: True)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.delenv('FAKE_CUDA_FAIL', raising=False)
    return calls


@pytest.fixture
def backend(built, checker, fake_cuda):
    """Return the backend over the fakes, which must leave nothing on the GPU."""
    before = fake_cuda.fake_live()
    with create_backend('tensorrt', checker, precision='f32') as backend:
        yield backend
    assert (fake_cuda.fake_live(), fake_cuda.fake_current()) == (before, 0)


def images(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def assert_right(backend, batch):
    mask, confidence = backend.infer(batch)
    np.testing.assert_array_equal(mask, batch[..., 0] // 52)
    np.testing.assert_array_equal(confidence, batch[..., 1])
    return mask, confidence


def start(checker, width=24):
    """Start, infer once and stop, as a node does."""
    with create_backend('tensorrt', checker, precision='f32') as backend:
        assert_right(backend, images(0, 1, 16, width))
