"""The backend over the fakes: order, threads, memory, and a GPU that fails.

What a GPU does is held by test_contract.py and test/device.
"""

import ctypes
import gc
import threading

import numpy as np
import pytest
from fake_tensorrt import (
    FakeContext,
    FakeEngine,
    assert_right,
    every_kind,
    images,
    orphans,
)

from espnet_ros.backends import create_backend, cuda_driver, tensorrt_backend
from espnet_ros.core.errors import BackendError, BackendUnavailableError, DeviceError


def test_it_says_what_it_runs_on(backend):
    assert (backend.device, backend.precision) == ('cuda:0 (Orin, TensorRT 10.3.0)', 'f32')


@every_kind
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


@every_kind
def test_an_upload_runs_nothing(backend, fake_cuda):
    assert_right(backend, images(0, 1, 16, 24))
    launches = fake_cuda.fake_launches()
    batch = images(1, 1, 16, 24)
    assert backend.upload(batch)
    buffer = next(iter(backend._runners.values()))._buffers['image']
    device = np.ctypeslib.as_array((ctypes.c_uint8 * buffer.size).from_address(buffer.device))
    np.testing.assert_array_equal(device.reshape(batch.shape), batch)
    assert fake_cuda.fake_launches() == launches


def on_another_thread(work) -> None:
    failures = []

    def run():
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive() and not failures


@every_kind
def test_another_thread_may_run_it(backend):
    backend.warm_up((24, 16))
    on_another_thread(
        lambda: [assert_right(backend, images(seed, 1, 16, 24)) for seed in range(3)]
    )


@every_kind
def test_another_thread_may_be_the_one_that_makes_room(backend, fake_cuda):
    for width in (8, 16, 24, 32):
        assert_right(backend, images(width, 1, 16, width))
    full = fake_cuda.fake_live()
    on_another_thread(lambda: assert_right(backend, images(0, 1, 16, 40)))
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
    # Three buffers of two sides each, and the activations.
    assert fake_cuda.fake_live() == before + 7


@every_kind
def test_it_runs_without_a_graph_where_none_can_be_captured(backend, monkeypatch, caplog):
    monkeypatch.setenv('FAKE_CUDA_FAIL', 'cuStreamEndCapture')
    for seed in (1, 2, 3):
        assert_right(backend, images(seed, 1, 16, 24))
    assert caplog.text.count('without a CUDA graph') == 1


@every_kind
@pytest.mark.parametrize('call', ['cuMemAlloc_v2', 'cuMemHostAlloc'])
def test_memory_that_runs_out_is_said_and_freed(call, backend, fake_cuda, monkeypatch):
    backend.warm_up((24, 16))
    before = fake_cuda.fake_live()
    monkeypatch.setenv('FAKE_CUDA_FAIL', call)
    # What fake_cuda.c has free.
    words = (
        rf'32x16 in a batch of 1: {call} failed: out of memory .*MiB were asked for, '
        r'1\.5 of 1024\.0 MiB are'
    )
    with pytest.raises(DeviceError, match=words):
        backend.infer(images(0, 1, 16, 32))
    assert fake_cuda.fake_live() == before
    monkeypatch.delenv('FAKE_CUDA_FAIL')
    assert_right(backend, images(0, 1, 16, 32))


OUT_OF_MEMORY = 'Error Code 2: OutOfMemory (no further information)'


@every_kind
@pytest.mark.parametrize(
    ('message', 'kind', 'words'),
    [
        (OUT_OF_MEMORY, DeviceError, 'the need is unknown, 1.5 of 1024.0 MiB are free'),
        ('Error Code 3: API Usage Error', BackendError, 'run: Error Code 3: API Usage Error'),
    ],
)
def test_an_engine_that_can_not_be_prepared_says_why(
    message, kind, words, backend, fake_cuda, monkeypatch
):
    library, before = tensorrt_backend.load_library(), fake_cuda.fake_live()
    monkeypatch.setattr(
        FakeEngine, 'create_execution_context', lambda *_, **__: library.messages.append(message)
    )
    with pytest.raises(BackendError) as error:
        backend.infer(images(0, 1, 16, 24))
    assert type(error.value) is kind
    assert words in str(error.value) and 'could not prepare the engine to run' in str(error.value)
    assert fake_cuda.fake_live() == before


@every_kind
def test_contexts_of_one_engine_share_the_memory_they_compute_in(backend, fake_cuda):
    before = fake_cuda.fake_live()
    held = []
    for batch in (3, 1, 2):
        # The first run and the graph.
        for seed in range(2):
            assert_right(backend, images(seed, batch, 16, 24))
        held.append(fake_cuda.fake_live() - before)
    # The block of the engine; three buffers of two sides each and the graph for each.
    assert held == [1 + 7, 1 + 14, 1 + 21]
    # The larger engine takes the place of all.
    assert_right(backend, images(0, 4, 16, 24))
    assert fake_cuda.fake_live() - before == 1 + 7


@every_kind
@pytest.mark.parametrize(
    ('kind', 'call'),
    [
        (FakeEngine, 'create_execution_context'),
        (FakeContext, 'set_input_shape'),
        (FakeContext, 'execute_async_v3'),
    ],
)
def test_an_error_that_is_kept_keeps_nothing_of_the_library(
    kind, call, built, checker, monkeypatch
):
    monkeypatch.setattr(kind, call, lambda *_, **__: None)
    with create_backend('tensorrt', checker) as backend, pytest.raises(BackendError) as error:
        backend.infer(images(0, 1, 16, 24))
    # Now the device is closed.
    assert error.value.__cause__.__traceback__ is not None
    del error
    gc.collect()
    assert not orphans


@every_kind
@pytest.mark.parametrize(
    ('reason', 'cure'),
    [
        ('CUDA initialization failure with error: 35', 'driver is older .* tensorrt-cu12'),
        ('CUDA initialization failure with error: 999', 'check the GPU'),
        ('Out of memory', 'MiB are free'),
    ],
)
def test_a_library_that_can_not_open_the_device_says_why(
    reason, cure, built, checker, monkeypatch
):
    library = tensorrt_backend.load_library()

    def refuse(logger):
        library.messages.append(reason)
        raise TypeError('pybind11::init(): factory function returned nullptr')

    monkeypatch.setattr(library.module, 'Runtime', refuse)
    words = f'could not open the device: {reason}.*{cure}'
    with pytest.raises(DeviceError, match=words), create_backend('tensorrt', checker):
        pass


@pytest.mark.parametrize('call', ['set_tensor_address', 'set_input_shape', 'execute_async_v3'])
def test_memory_that_runs_out_in_the_library_is_said_and_freed(
    call, backend, fake_cuda, monkeypatch
):
    backend.warm_up((24, 16))
    before, library = fake_cuda.fake_live(), tensorrt_backend.load_library()

    def refuse(context, *_):
        library.messages.append(OUT_OF_MEMORY)
        return False

    monkeypatch.setattr(FakeContext, call, refuse)
    words = r'32x16 in a batch of 1: TensorRT 10\.3\.0 .* 1\.5 of 1024\.0 MiB are'
    with pytest.raises(DeviceError, match=words):
        backend.infer(images(0, 1, 16, 32))
    # A runner that was made stays for the next image, with its three buffers of two sides each
    # and the engine's activations.
    assert fake_cuda.fake_live() - before == (7 if call == 'execute_async_v3' else 0)


def test_a_gpu_that_is_lost_is_said_and_leaving_does_not_fail(built, checker, monkeypatch):
    with create_backend('tensorrt', checker, precision='f32') as backend:
        backend.warm_up((24, 16))
        monkeypatch.setenv('FAKE_CUDA_FAIL', 'cuCtxSetCurrent')
        for _ in range(2):
            with pytest.raises(DeviceError, match='cuCtxSetCurrent failed'):
                backend.infer(images(0, 1, 16, 24))
    # Nothing of the library can have the device to be freed on.
    orphans.clear()


@pytest.fixture
def host_context(fake_cuda):
    """Have the host program compute on a device of its own in this thread."""
    fake_cuda.fake_host_context.restype = ctypes.c_void_p
    context = fake_cuda.fake_host_context()
    assert fake_cuda.cuCtxSetCurrent(ctypes.c_void_p(context)) == 0
    yield context
    fake_cuda.cuCtxSetCurrent(ctypes.c_void_p())


def context_now(fake_cuda):
    context = ctypes.c_void_p()
    assert fake_cuda.cuCtxGetCurrent(ctypes.byref(context)) == 0
    return context.value


def test_the_host_program_keeps_its_device(built, checker, fake_cuda, host_context, monkeypatch):
    with create_backend('tensorrt', checker, precision='f32') as backend:
        assert context_now(fake_cuda) == host_context
        # More than are kept, so that room is made, too.
        for width in (8, 16, 24, 32, 40):
            assert_right(backend, images(width, 1, 16, width))
            assert context_now(fake_cuda) == host_context
        assert_right(backend, images(0, 1, 16, 40))
        assert backend.upload(images(1, 1, 16, 40))
        assert context_now(fake_cuda) == host_context
        monkeypatch.setenv('FAKE_CUDA_FAIL', 'cuGraphLaunch')
        with pytest.raises(DeviceError, match='cuGraphLaunch failed'):
            backend.infer(images(0, 1, 16, 40))
        assert context_now(fake_cuda) == host_context
        monkeypatch.delenv('FAKE_CUDA_FAIL')
    assert context_now(fake_cuda) == host_context


def test_the_host_program_keeps_its_device_when_a_start_fails(
    built, checker, fake_cuda, host_context, monkeypatch
):
    monkeypatch.setenv('FAKE_CUDA_FAIL', 'cuStreamCreate')
    with (
        pytest.raises(DeviceError, match='cuStreamCreate failed'),
        create_backend('tensorrt', checker),
    ):
        pass
    assert context_now(fake_cuda) == host_context


def test_the_host_program_keeps_its_device_when_an_engine_is_built_ahead(
    built, checker, fake_cuda, host_context
):
    assert tensorrt_backend.build_ahead(checker, 'auto', 'f32', (24, 16))[1]
    assert context_now(fake_cuda) == host_context


def test_no_such_device(built, checker):
    words = 'no CUDA device 3, the driver finds 1: choose device auto or one of cuda:0'
    backend = create_backend('tensorrt', checker, device='cuda:3')
    with pytest.raises(BackendUnavailableError, match=words), backend:
        pass


def test_a_driver_without_a_device(built, checker, monkeypatch):
    monkeypatch.setenv('FAKE_CUDA_FAIL', 'cuInit')
    with (
        pytest.raises(BackendUnavailableError, match=r'offers no device .*nvidia-smi'),
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
