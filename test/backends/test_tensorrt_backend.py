"""The backend over a CUDA driver and a TensorRT that run on the CPU: order, memory and cache.

What the builder does is held by test_tensorrt_builder.py, what a GPU does by test_contract.py and
test/device.
"""

import ctypes
import errno
import logging
import os
import shutil
import subprocess
import threading
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from espnet_ros.backends import (
    create_backend,
    cuda_driver,
    tensorrt_backend,
    tensorrt_cache,
    tensorrt_engines,
)
from espnet_ros.backends.cuda_driver import Gpu
from espnet_ros.backends.tensorrt_backend import build_ahead
from espnet_ros.backends.tensorrt_library import Library
from espnet_ros.core.errors import BackendError, BackendUnavailableError, DeviceError

COMPILER = shutil.which('cc') or shutil.which('gcc')
pytestmark = pytest.mark.skipif(COMPILER is None, reason='no C compiler for the fake CUDA driver')


@pytest.fixture(scope='session')
def fake_cuda(tmp_path_factory):
    library = tmp_path_factory.mktemp('cuda') / 'libcuda.so.1'
    source = Path(__file__).with_name('fake_cuda.c')
    subprocess.run([COMPILER, '-shared', '-fPIC', '-o', library, source], check=True)
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
        def __init__(self, logger):
            pass

        def deserialize_cuda_engine(self, plan):
            if plan.startswith(b'stale'):
                library.messages.append('built by another version')
                return None
            context = lambda: FakeContext(fake_cuda)  # noqa: E731
            return SimpleNamespace(plan=plan, create_execution_context=context)

    def build(_, model, profile, gpu, timing, listener):
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
    before = fake_cuda.fake_live()
    with create_backend('tensorrt', checker, precision='f32') as backend:
        yield backend
    assert fake_cuda.fake_live() == before


def fake_library(is_rtx):
    return Library(None, 'TensorRT 10.3.0', is_rtx, deque(maxlen=5), None)


def images(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def assert_right(backend, batch):
    mask, confidence = backend.infer(batch)
    np.testing.assert_array_equal(mask, batch[..., 0] // 52)
    np.testing.assert_array_equal(confidence, batch[..., 1])
    return mask, confidence


def entries(tmp_path, kind):
    return list((tmp_path / 'espnet_ros' / 'tensorrt').glob(f'{kind}-*'))


def test_it_says_what_it_runs_on(backend):
    assert (backend.device, backend.precision) == ('cuda:0 (Orin, TensorRT 10.3.0)', 'f32')


def test_the_first_run_is_plain_and_the_others_replay_a_graph(backend, fake_cuda):
    captured, launches = fake_cuda.fake_captured(), fake_cuda.fake_launches()
    first = assert_right(backend, images(0, 1, 16, 24))
    kept = [array.copy() for array in first]
    for seed in (1, 2, 3):
        assert_right(backend, images(seed, 1, 16, 24))
    assert fake_cuda.fake_captured() - captured == 1
    assert fake_cuda.fake_launches() - launches == 3
    for array, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_each_batch_size_has_a_graph_but_smaller_ones_no_engine(backend, built):
    backend.warm_up((24, 16), batch=3)
    for batch in (3, 1, 2, 3, 1, 2, 3, 1, 2):
        assert_right(backend, images(batch, batch, 16, 24))
    assert [call[:3] for call in built] == [(3, 16, 24)]
    assert_right(backend, images(4, 4, 16, 24))
    assert_right(backend, images(4, 1, 16, 24))
    assert [call[:3] for call in built] == [(3, 16, 24), (4, 16, 24)]


def test_more_shapes_than_are_kept_come_back_from_the_cache(backend, built):
    for width in (8, 16, 24, 32, 40, 48, 8, 16):
        assert_right(backend, images(width, 1, 16, width))
    assert [call[2] for call in built] == [8, 16, 24, 32, 40, 48]
    assert [call[3] for call in built] == [None, *[b'times'] * 5]


def test_another_thread_may_run_it(backend):
    backend.warm_up((24, 16))
    failures = []

    def run():
        try:
            for seed in range(3):
                assert_right(backend, images(seed, 1, 16, 24))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive() and not failures


def test_another_thread_may_be_the_one_that_makes_room(backend, fake_cuda):
    for width in (8, 16, 24, 32):
        assert_right(backend, images(width, 1, 16, width))
    full, failures = fake_cuda.fake_live(), []

    def run():
        try:
            assert_right(backend, images(0, 1, 16, 40))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive() and not failures
    assert fake_cuda.fake_live() == full


def test_a_capture_that_fails_half_way_leaves_nothing_behind(backend, fake_cuda, monkeypatch):
    backend.warm_up((24, 16))
    runs, before, execute = [], fake_cuda.fake_live(), FakeContext.execute_async_v3

    def refuse(context, stream):
        runs.append(stream)
        return len(runs) == 1 and execute(context, stream)

    monkeypatch.setattr(FakeContext, 'execute_async_v3', refuse)
    assert_right(backend, images(0, 1, 8, 16))
    assert len(runs) == 2
    # Three buffers of two sides each.
    assert fake_cuda.fake_live() == before + 6


def start(checker, width=24):
    with create_backend('tensorrt', checker, precision='f32') as backend:
        assert_right(backend, images(0, 1, 16, width))


def test_the_next_start_does_not_build(built, checker):
    for _ in range(2):
        start(checker)
    assert len(built) == 1


@pytest.mark.parametrize(
    'damage',
    [
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(b''),
        lambda file: file.write_bytes(file.read_bytes().replace(b'Orin', b'Thor')),
        lambda file: file.chmod(0o666),
        lambda file: (file.rename(file.parent / 'elsewhere'), file.symlink_to('elsewhere')),
    ],
    ids=['truncated', 'empty', 'another GPU', 'writable by others', 'link'],
)
def test_what_can_not_be_trusted_is_built_again(damage, built, checker, tmp_path, caplog):
    start(checker)
    (file,) = entries(tmp_path, 'engine')
    damage(file)
    start(checker)
    assert len(built) == 2
    assert 'not used' in caplog.text
    start(checker)
    assert len(built) == 2


def test_an_engine_that_the_library_refuses_is_built_again(built, checker, caplog, monkeypatch):
    build = tensorrt_engines.build_engine
    monkeypatch.setattr(tensorrt_engines, 'build_engine', lambda *a: (b'stale', b''))
    with pytest.raises(BackendError, match='refuses the engine it built: built by another'):
        start(checker)
    monkeypatch.setattr(tensorrt_engines, 'build_engine', build)
    start(checker)
    assert 'the cached engine is refused and built again: built by another version' in caplog.text


@pytest.mark.parametrize('reason', [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_costs_only_time(
    reason, built, checker, tmp_path, caplog, monkeypatch
):
    def fails(descriptor):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(tensorrt_cache.os, 'fsync', fails)
    for _ in range(2):
        start(checker)
    assert len(built) == 2
    assert f'could not be kept ([Errno {reason}] {os.strerror(reason)})' in caplog.text
    assert not list((tmp_path / 'espnet_ros' / 'tensorrt').iterdir())


def test_a_cache_that_can_not_be_made_costs_only_time(built, checker, tmp_path, caplog):
    (tmp_path / 'espnet_ros').write_text('a file in its place')
    start(checker)
    assert 'could not be kept' in caplog.text and 'XDG_CACHE_HOME' in caplog.text


def test_a_cache_on_a_disk_that_became_read_only_is_used(built, checker, monkeypatch, caplog):
    start(checker)

    def fails(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for call in ('chmod', 'mkdir', 'replace', 'unlink'):
        monkeypatch.setattr(os, call, fails)
    monkeypatch.setattr(tensorrt_cache.tempfile, 'mkstemp', fails)
    start(checker)
    assert len(built) == 1 and not caplog.records[1:]


def test_the_cache_is_private(built, checker, tmp_path):
    start(checker)
    files = [*entries(tmp_path, 'engine'), *entries(tmp_path, 'timing')]
    assert len(files) == 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert files[0].parent.stat().st_mode & 0o777 == 0o700


def test_it_runs_without_a_graph_where_none_can_be_captured(backend, monkeypatch, caplog):
    monkeypatch.setenv('FAKE_CUDA_FAIL', 'cuStreamEndCapture')
    for seed in (1, 2, 3):
        assert_right(backend, images(seed, 1, 16, 24))
    assert caplog.text.count('without a CUDA graph') == 1


@pytest.mark.parametrize('call', ['cuMemAlloc_v2', 'cuMemHostAlloc'])
def test_memory_that_runs_out_is_said_and_freed(call, backend, fake_cuda, monkeypatch):
    backend.warm_up((24, 16))
    before = fake_cuda.fake_live()
    monkeypatch.setenv('FAKE_CUDA_FAIL', call)
    # What fake_cuda.c has free.
    words = rf'32x16: {call} failed: out of memory .*MiB were asked for, 1\.5 of 1024\.0 MiB are'
    with pytest.raises(DeviceError, match=words):
        backend.infer(images(0, 1, 16, 32))
    assert fake_cuda.fake_live() == before
    monkeypatch.delenv('FAKE_CUDA_FAIL')
    assert_right(backend, images(0, 1, 16, 32))


def test_a_gpu_that_is_lost_is_said_and_leaving_does_not_fail(built, checker, monkeypatch):
    with create_backend('tensorrt', checker, precision='f32') as backend:
        backend.warm_up((24, 16))
        monkeypatch.setenv('FAKE_CUDA_FAIL', 'cuCtxSetCurrent')
        for _ in range(2):
            with pytest.raises(DeviceError, match='cuCtxSetCurrent failed'):
                backend.infer(images(0, 1, 16, 24))


class FakeRtxEngine:
    """An engine of TensorRT for RTX, whose contexts compile kernels into a cache."""

    def __init__(self, driver, given):
        self._driver = driver
        self._given = given

    def create_runtime_config(self):
        kernels = SimpleNamespace(serialize=lambda: b'kernels', deserialize=self._given.append)
        return SimpleNamespace(
            create_runtime_cache=lambda: kernels, set_runtime_cache=lambda cache: True
        )

    def create_execution_context(self, runtime_config):
        assert runtime_config.dynamic_shapes_kernel_specialization_strategy == 'eager'
        context = FakeContext(self._driver)
        context.is_stream_capturable = lambda stream: False
        return context


def test_rtx_compiles_its_kernels_once(built, checker, fake_cuda, monkeypatch):
    given = []
    module = SimpleNamespace(
        Runtime=lambda logger: SimpleNamespace(
            deserialize_cuda_engine=lambda plan: FakeRtxEngine(fake_cuda, given)
        ),
        DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER='eager'),
    )
    library = Library(module, 'TensorRT for RTX 1.7', True, deque(maxlen=5), None)
    monkeypatch.setattr(tensorrt_backend, 'load_library', lambda: library)
    captured = fake_cuda.fake_captured()
    for _ in range(2):
        with create_backend('tensorrt', checker, precision='f32') as backend:
            for seed in range(3):
                assert_right(backend, images(seed, 1, 16, 24))
    assert len(built) == 1 and given == [b'kernels']
    assert fake_cuda.fake_captured() == captured


def test_no_such_device(built, checker):
    words = 'no CUDA device 3, the driver counts 1: choose device auto or one of cuda:0'
    backend = create_backend('tensorrt', checker, device='cuda:3')
    with pytest.raises(BackendUnavailableError, match=words), backend:
        pass


def test_a_driver_without_a_device(built, checker, monkeypatch):
    monkeypatch.setenv('FAKE_CUDA_FAIL', 'cuInit')
    with (
        pytest.raises(BackendUnavailableError, match=r'no device to offer .*nvidia-smi'),
        create_backend('tensorrt', checker),
    ):
        pass


def test_no_driver(built, checker, monkeypatch):
    def absent(name):
        raise OSError(f'{name}: cannot open shared object file')

    monkeypatch.setattr(cuda_driver.ctypes, 'CDLL', absent)
    with (
        pytest.raises(BackendUnavailableError, match=r'libcuda\.so\.1: cannot.*JetPack 6\.1'),
        create_backend('tensorrt', checker),
    ):
        pass


def test_auto_takes_half_precision_where_the_model_has_it(built, checker):
    with create_backend('tensorrt', checker) as backend:
        assert backend.precision == 'f16'


def test_half_precision_needs_its_file(built, checker, monkeypatch):
    files = {'onnx': checker.files['onnx']}
    single = SimpleNamespace(**{**vars(checker), 'files': files})
    with create_backend('tensorrt', single) as backend:
        assert backend.precision == 'f32'
    with (
        pytest.raises(BackendUnavailableError, match=r'espnet_ros export`, or .*precision f32'),
        create_backend('tensorrt', single, precision='f16'),
    ):
        pass
    files = {role: file for role, file in checker.files.items() if role != 'onnx_int8'}
    half = SimpleNamespace(**{**vars(checker), 'files': files})
    with (
        pytest.raises(BackendUnavailableError, match=r'export --int8`, or choose precision f16'),
        create_backend('tensorrt', half, precision='int8'),
    ):
        pass


@pytest.mark.parametrize(
    ('capability', 'is_rtx', 'asked', 'words'),
    [
        ((5, 2), False, 'f16', r'in f16 on Old \(compute capability 5\.2\).* f32, the next best'),
        ((5, 2), False, 'int8', 'in int8 on Old .*choose precision f32, the next best'),
        ((5, 3), False, 'int8', 'in int8 on Old .*choose precision f16, the next best'),
        ((7, 5), True, 'int8', 'in int8 on Old .*choose precision f16, the next best'),
    ],
)
def test_a_precision_the_gpu_has_not_comes_with_the_next_best(
    capability, is_rtx, asked, words, checker
):
    library, gpu = fake_library(is_rtx), Gpu('Old', capability, 4)
    with pytest.raises(BackendUnavailableError, match=words):
        tensorrt_engines.resolve_precision(asked, checker, library, gpu)


def test_int8_has_to_be_named(checker):
    library, orin = fake_library(False), Gpu('Orin', (8, 7), 16)
    old = Gpu('Old', (5, 2), 4)
    cases = (('auto', orin, 'f16'), ('int8', orin, 'int8'), ('auto', old, 'f32'))
    for asked, gpu, resolved in cases:
        assert tensorrt_engines.resolve_precision(asked, checker, library, gpu) == resolved


def test_precisions_do_not_share_an_engine(built, checker, caplog):
    caplog.set_level(logging.WARNING)
    for precision in ('f32', 'f16', 'int8'):
        with create_backend('tensorrt', checker, precision=precision) as backend:
            backend.warm_up((24, 16))
    assert len(built) == 3
    assert 'TensorRT 10.3.0 builds an engine in f16 for model checker and 24x16' in caplog.text


def test_an_engine_built_ahead_is_the_one_that_runs(built, checker, fake_cuda, monkeypatch):
    before = fake_cuda.fake_live()
    words, was_built = build_ahead(checker, 'auto', 'f32', (24, 16))
    assert was_built and fake_cuda.fake_live() == before
    assert words == (
        'engine of TensorRT 10.3.0 in f32 for model checker, images of 24x16, up to 1 at once, on '
        'Orin'
    )
    assert build_ahead(checker, 'cuda:0', 'f32', (24, 16)) == (words, False)
    start(checker)
    assert [call[:3] for call in built] == [(1, 16, 24)]
    build_ahead(checker, 'auto', 'f16', (24, 16), 3)
    assert [call[:3] for call in built] == [(1, 16, 24), (3, 16, 24)]


@pytest.mark.parametrize(
    ('device', 'precision', 'size', 'words'),
    [
        ('auto', 'f32', (20, 16), '20x16 is not: nearest are 16x16, 24x16'),
        ('auto', 'bf16', (24, 16), "computes in f32 or f16 or int8, not in 'bf16'"),
        ('cpu', 'f32', (24, 16), "runs on cuda, not on 'cpu'"),
        ('cuda:2', 'f32', (24, 16), 'no CUDA device 2, the driver counts 1'),
    ],
)
def test_what_can_not_be_built_ahead_is_said(device, precision, size, words, built, checker):
    with pytest.raises(BackendError, match=words):
        build_ahead(checker, device, precision, size)
    assert not built


def test_building_ahead_for_a_cache_that_can_not_keep_it_is_an_error(built, checker, tmp_path):
    (tmp_path / 'espnet_ros').write_text('a file in its place')
    with pytest.raises(BackendError, match=r'could not be kept: free space.*XDG_CACHE_HOME'):
        build_ahead(checker, 'auto', 'f32', (24, 16))


def test_who_waits_is_told_how_far_the_build_is(built, checker):
    told = []
    backend = create_backend('tensorrt', checker, precision='f32')
    backend.on_progress = told.append
    with backend:
        backend.warm_up((24, 16))
    assert told == ['building the TensorRT engine, 40 % done']
