"""The backend over the fakes: order, threads, memory, and a GPU that fails.

What a GPU does is held by test_contract.py and test/device.
"""

import ctypes
import threading
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from fake_tensorrt import FakeContext, assert_right, images

from espnet_ros.backends import create_backend, cuda_driver, tensorrt_backend
from espnet_ros.backends.cuda_driver import Cuda
from espnet_ros.backends.tensorrt_runner import Runner
from espnet_ros.core.errors import BackendError, BackendUnavailableError, DeviceError


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


def test_an_upload_runs_nothing(backend, fake_cuda):
    assert_right(backend, images(0, 1, 16, 24))
    launches = fake_cuda.fake_launches()
    batch = images(1, 1, 16, 24)
    assert backend.upload(batch)
    buffer = next(iter(backend._runners.values()))._buffers['image']
    device = np.ctypeslib.as_array((ctypes.c_uint8 * buffer.size).from_address(buffer.device))
    np.testing.assert_array_equal(device.reshape(batch.shape), batch)
    assert fake_cuda.fake_launches() == launches


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


OUT_OF_MEMORY = 'Error Code 2: OutOfMemory (no further information)'


@pytest.mark.parametrize(
    ('engine', 'message', 'kind', 'words'),
    [
        ({'device_memory_size': 3 << 20}, OUT_OF_MEMORY, DeviceError, 'at least 3.0 MiB are'),
        (
            {'device_memory_size_v2': 5 << 30, 'device_memory_size': 1 << 30},
            OUT_OF_MEMORY, DeviceError, 'at least 5120.0 MiB are',
        ),
        ({}, OUT_OF_MEMORY, DeviceError, 'the need is not told, 1.5 of 1024.0 MiB are free'),
        ({}, 'Error Code 3: API Usage Error', BackendError, 'run: Error Code 3: API Usage Error'),
    ],
)  # fmt: skip
def test_an_engine_that_can_not_be_prepared_says_what_it_needs(
    engine, message, kind, words, built, fake_cuda
):
    library, before = tensorrt_backend.load_library(), fake_cuda.fake_live()
    refuses = SimpleNamespace(
        create_execution_context=lambda: library.messages.append(message), **engine
    )
    with closing(Cuda(0)) as cuda, pytest.raises(BackendError) as error:
        Runner(library, cuda, refuses, (1, 16, 24, 3))
    assert type(error.value) is kind
    assert words in str(error.value) and 'could not prepare the engine to run' in str(error.value)
    assert fake_cuda.fake_live() == before


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
    with pytest.raises(DeviceError, match=r'32x16: TensorRT 10\.3\.0 .* 1\.5 of 1024\.0 MiB are'):
        backend.infer(images(0, 1, 16, 32))
    # A runner that was made stays for the next image, with its three buffers of two sides each.
    assert fake_cuda.fake_live() - before == (6 if call == 'execute_async_v3' else 0)


def test_a_gpu_that_is_lost_is_said_and_leaving_does_not_fail(built, checker, monkeypatch):
    with create_backend('tensorrt', checker, precision='f32') as backend:
        backend.warm_up((24, 16))
        monkeypatch.setenv('FAKE_CUDA_FAIL', 'cuCtxSetCurrent')
        for _ in range(2):
            with pytest.raises(DeviceError, match='cuCtxSetCurrent failed'):
                backend.infer(images(0, 1, 16, 24))


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
