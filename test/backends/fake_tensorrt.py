"""A CUDA driver and a TensorRT that run on the CPU; the fixtures are conftest's, too."""

import ctypes
import gc
import shutil
import subprocess
import weakref
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

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


KINDS = ('TensorRT 10.0.1', 'TensorRT 10.3.0', 'TensorRT for RTX 1.7')
every_kind = pytest.mark.parametrize('built', KINDS, indirect=True)
ACTIVATIONS = 4096
# The kind of each object of the library that outlived the device.
orphans = []


class Native:
    """Of the library: its end needs the device."""

    def __init__(self, library, driver):
        self._library = library
        self._driver = driver

    def __del__(self):
        if not self._driver.fake_current():
            orphans.append(type(self).__name__)


class FakeContext(Native):
    """Gives the class blue // 52 with a confidence of green, and leaves traces of its work."""

    def __init__(self, engine):
        super().__init__(engine._library, engine._driver)
        # As the bindings do.
        self._engine = engine
        self._address = {}
        self._memory = None

    def __getattr__(self, name):
        if name == 'set_device_memory' and '10.0' not in self._library.name:
            return self._set_device_memory
        raise AttributeError(name)

    def _set_only(self, address):
        assert '10.0' in self._library.name
        self._memory = address

    device_memory = property(None, _set_only)

    def _set_device_memory(self, memory, size):
        assert size >= ACTIVATIONS
        self._memory = memory

    def is_stream_capturable(self, stream):
        assert self._library.is_rtx
        return True

    def set_tensor_address(self, name, address):
        self._address[name] = address
        return True

    def set_input_shape(self, name, shape):
        self._shape = shape
        return name == 'image'

    def execute_async_v3(self, stream):
        if self._memory is None:
            self._library.messages.append('Error Code 3: no device memory was set')
            return False
        # A graph has the address, too.
        memory = self._memory
        if not hasattr(self, '_work'):
            this = weakref.ref(self)
            self._work = ctypes.CFUNCTYPE(None)(lambda: this()._run(memory))
        return self._driver.fake_enqueue(ctypes.c_void_p(stream), self._work) == 0

    def _run(self, memory):
        ctypes.memset(memory, 0xAC, ACTIVATIONS)
        image = self._array('image', self._shape)
        self._array('mask', self._shape[:3])[...] = image[..., 0] // 52
        self._array('confidence', self._shape[:3])[...] = image[..., 1]

    def _array(self, name, shape):
        size = int(np.prod(shape))
        memory = (ctypes.c_uint8 * size).from_address(self._address[name])
        return np.ctypeslib.as_array(memory).reshape(shape)


class FakeEngine(Native):
    """Takes contexts that bring no memory; of TensorRT for RTX only those, as it is built so."""

    def __init__(self, library, driver, plan):
        super().__init__(library, driver)
        self.plan = plan
        if '10.0' in library.name:
            self.device_memory_size = ACTIVATIONS
        else:
            self.device_memory_size_v2 = ACTIVATIONS

    def create_runtime_config(self):
        return FakeRuntimeConfig(self)

    def create_execution_context(self, strategy='static', runtime_config=None):
        if runtime_config is not None:
            assert runtime_config.dynamic_shapes_kernel_specialization_strategy == 'eager'
            strategy = runtime_config.strategy
        if strategy != 'user managed':
            self._library.messages.append('Engine was built with kREQUIRE_USER_ALLOCATION')
            return None
        return FakeContext(self)


class FakeRuntimeConfig(Native):
    """How a context of TensorRT for RTX is to be; keeps its engine, as the bindings do."""

    create_runtime_cache = staticmethod(lambda: FakeKernels())

    def __init__(self, engine):
        super().__init__(engine._library, engine._driver)
        self._engine = engine
        self.strategy = 'static'

    def set_execution_context_allocation_strategy(self, strategy):
        self.strategy = strategy

    def set_runtime_cache(self, cache):
        assert isinstance(cache, FakeKernels)


class FakeKernels:
    """The cache of the kernels that TensorRT for RTX compiles."""

    given: ClassVar[list[bytes]] = []  # to all of them

    def serialize(self):
        return b'kernels'

    def deserialize(self, content):
        self.given.append(content)


@pytest.fixture
def built(request, monkeypatch, fake_cuda, tmp_path):
    """Put the fakes in place and return the list of the profiles for which engines are built."""
    calls = []
    gc.collect()
    orphans.clear()

    class Runtime:
        refuses = None  # or why, all engines

        def __init__(self, logger):
            pass

        def deserialize_cuda_engine(self, plan):
            if self.refuses or plan.startswith(b'stale'):
                library.messages.append(self.refuses or 'built by another version')
                return None
            return FakeEngine(library, fake_cuda, plan)

    def build(_, model, profile, cuda, timing, listener):
        assert cuda.gpu.name == 'Orin' and fake_cuda.fake_current()
        listener and listener(40)
        calls.append((profile.batch, profile.height, profile.width, timing))
        return b'plan for %d x %d' % (profile.width, profile.height), b'times'

    module = SimpleNamespace(
        Runtime=Runtime,
        ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED='user managed'),
        DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER='eager'),
    )
    name = getattr(request, 'param', 'TensorRT 10.3.0')
    library = Library(module, name, 'RTX' in name, deque(maxlen=5), None)
    monkeypatch.setattr(tensorrt_backend, 'load_library', lambda: library)
    monkeypatch.setattr(tensorrt_engines, 'build_engine', build)
    monkeypatch.setattr(cuda_driver.ctypes, 'CDLL', lambda name: fake_cuda)
    monkeypatch.setattr('espnet_ros.backends.installed', lambda library: True)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.delenv('FAKE_CUDA_FAIL', raising=False)
    yield calls
    gc.collect()
    assert not orphans


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
