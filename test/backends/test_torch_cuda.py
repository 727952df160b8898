"""PyTorch's CUDA path over a torch.cuda without a GPU: shapes, buffers, capture and errors."""

import contextlib
import gc
import subprocess
import sys
import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from espnet_ros.backends import create_backend
from espnet_ros.core.errors import BackendUnavailableError, DeviceError

torch = pytest.importorskip('torch')
torch_cuda = pytest.importorskip('espnet_ros.backends.torch_cuda')


class FakeGraph:
    """Replays by running again what was captured, into the memory of the capture."""

    def __init__(self):
        self.replays = 0

    def replay(self):
        self.replays += 1
        self.output.copy_(self.compute())


class FakeStream:
    def __init__(self, device):
        pass

    def wait_stream(self, other):
        pass


@pytest.fixture
def cuda(monkeypatch):
    """Put the fakes in place; return what they saw and what they are to do."""
    cuda = SimpleNamespace(
        pinned=[], graphs=[], tried=[], fails=None, lost=False, capability=(8, 7), emptied=0
    )

    def empty():
        cuda.emptied += 1
        raise RuntimeError('CUDA error: the device is lost')

    @contextlib.contextmanager
    def capture(graph, stream, capture_error_mode):
        assert capture_error_mode == 'thread_local' and isinstance(stream, FakeStream)
        cuda.tried.append(weakref.ref(graph))
        yield
        if cuda.fails:
            raise cuda.fails

    class Stream(FakeStream):
        def synchronize(self):
            if cuda.lost:
                raise RuntimeError('CUDA error: the device is lost')

    def pin(tensor):
        cuda.pinned.append(tuple(tensor.shape))
        return tensor

    def note(runner):
        capture_for_real(runner)
        if runner._graph is not None:
            cuda.graphs.append(runner._graph)
            # CUDA records what is computed by itself.
            runner._graph.output, runner._graph.compute = runner._output, runner._compute

    capture_for_real = torch_cuda.CudaRunner._capture
    nothing = lambda *_: contextlib.nullcontext()  # noqa: E731
    for name, fake in {
        'Stream': Stream, 'stream': nothing, 'device': nothing, 'graph': capture,
        'CUDAGraph': FakeGraph, 'current_stream': lambda device: None,
        'mem_get_info': lambda device: (3 << 20, 8 << 30), 'empty_cache': empty,
        'get_device_name': lambda device: 'Orin',
        'get_device_capability': lambda device: cuda.capability,
        'is_available': lambda: True, 'device_count': lambda: 1,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(torch.Tensor, 'pin_memory', pin)
    monkeypatch.setattr(torch_cuda.CudaRunner, '_capture', note)
    return cuda


class Network:
    """Gives the class blue // 52 with a confidence of green."""

    def __init__(self):
        self.runs = 0
        self.error = None
        self.watch = lambda: None

    def __call__(self, images):
        self.runs += 1
        self.watch()
        if self.error:
            raise self.error
        return images[..., 0] // 52, images[..., 1]


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def runners(cuda, network):
    return torch_cuda.CudaRunners(torch, network, torch.device('cpu'))


def assert_right(runners, seed, *shape):
    batch = np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)
    mask, confidence = runners.run(batch)
    assert mask.dtype == confidence.dtype == np.uint8
    np.testing.assert_array_equal(mask, batch[..., 0] // 52)
    np.testing.assert_array_equal(confidence, batch[..., 1])
    return mask, confidence


def test_a_shape_is_captured_once_after_warming_up_and_then_replayed(runners, cuda, network):
    first = assert_right(runners, 0, 1, 16, 24)
    kept = [array.copy() for array in first]
    assert network.runs == 3 + 1 + 1  # warm-up, capture, and the fake's replay
    for seed in (1, 2):
        assert_right(runners, seed, 1, 16, 24)
    (graph,) = cuda.graphs
    assert graph.replays == 3
    # One buffer in, one out, for good.
    assert cuda.pinned == [(1, 16, 24, 3), (2, 1, 16, 24)]
    for array, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_an_upload_computes_nothing(runners, network):
    assert_right(runners, 0, 1, 16, 24)
    runs = network.runs
    batch = np.random.default_rng(1).integers(0, 256, (1, 16, 24, 3), np.uint8)
    runners.upload(batch)
    (runner,) = runners._runners.values()
    np.testing.assert_array_equal(runner._images.numpy(), batch)
    assert network.runs == runs


def test_the_longest_unused_shape_makes_room(runners, cuda):
    for width in (8, 16, 24, 32, 8, 40):
        assert_right(runners, width, 2, 16, width)
    assert len(cuda.graphs) == 5
    assert_right(runners, 0, 2, 16, 8)
    assert len(cuda.graphs) == 5
    assert_right(runners, 0, 2, 16, 16)
    assert len(cuda.graphs) == 6


NOT_CAPTURED = 'CUDA error: operation not permitted when stream is capturing\nmore'


def test_what_can_not_be_captured_runs_without_a_graph(runners, cuda, network, caplog):
    cuda.fails = RuntimeError(NOT_CAPTURED)
    for seed in (1, 2):
        assert_right(runners, seed, 1, 16, 24)
    assert network.runs == 3 + 1 + 2
    # Each failure costs PyTorch's allocator something.
    assert_right(runners, 3, 1, 16, 32)
    assert len(cuda.tried) == 1
    assert [record.message for record in caplog.records] == [
        'PyTorch runs without a CUDA graph, slower: CUDA error: operation not permitted when '
        'stream is capturing'
    ]


@pytest.mark.parametrize(
    ('error', 'need'),
    [
        ('CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has', '20.00 MiB more are'),
        ('NvMapMemAllocInternalTagged: 1075072515 error 12', 'how much more is needed is'),
        ('cuDNN error: CUDNN_STATUS_ALLOC_FAILED', 'how much more is needed is unknown'),
        ('NVML_SUCCESS == r INTERNAL ASSERT FAILED at "/c10/cuda/CUDACachingAllocator.cpp":1016',
         'how much more is needed is unknown'),
    ],
)
def test_memory_that_runs_out_is_said_and_let_go(error, need, runners, network):
    assert_right(runners, 0, 1, 16, 24)
    network.error = RuntimeError(error)
    words = (
        f'cpu has too little memory for images of 24x16 in a batch of 2; {need}.* 3.0 of '
        '8192.0 MiB are free'
    )
    with pytest.raises(DeviceError, match=words):
        runners.run(np.zeros((2, 16, 24, 3), np.uint8))
    assert not runners._runners
    network.error = None
    assert_right(runners, 0, 2, 16, 24)


def test_memory_that_runs_out_in_the_capture_is_no_reason_to_go_on_without(runners, cuda):
    cuda.fails = RuntimeError('CUDA out of memory. Tried to allocate 1.50 GiB')
    with pytest.raises(DeviceError, match=r'1\.50 GiB more are needed'):
        runners.run(np.zeros((1, 16, 24, 3), np.uint8))
    cuda.fails = None
    assert_right(runners, 0, 1, 16, 24)
    assert len(cuda.graphs) == 1


def test_a_graph_whose_capture_failed_outlives_all(runners, cuda):
    cuda.fails = RuntimeError(NOT_CAPTURED)
    assert_right(runners, 0, 1, 16, 24)
    runners.close()
    cuda.fails = None
    gc.collect()
    assert cuda.tried[0]() is not None


def run_in_vain(runners, *shape):
    """Run what fails and keep nothing of the error, which has frames with all in them."""
    with pytest.raises(DeviceError) as error:
        runners.run(np.zeros((*shape, 3), np.uint8))
    error.value.__cause__.with_traceback(None)


@pytest.mark.parametrize('lost', [True, False])
def test_what_a_gpu_holds_is_freed_unless_it_is_lost(lost, runners, cuda, network):
    for width in (16, 24):
        assert_right(runners, 0, 1, 16, width)
    cuda.graphs.clear()
    held = [weakref.ref(runner) for runner in runners._runners.values()]
    cuda.lost = lost
    network.error = RuntimeError('CUDA error: unspecified launch failure')
    run_in_vain(runners, 1, 16, 24)
    assert not runners._runners
    gc.collect()
    assert [runner() is not None for runner in held] == [lost, lost]


@pytest.mark.parametrize('end', ['close', 'make room'])
def test_what_a_gpu_holds_that_is_lost_while_idle_is_not_freed(end, runners, cuda):
    for width in (8, 16, 24, 32):
        assert_right(runners, 0, 1, 16, width)
    cuda.graphs.clear()
    held = [weakref.ref(runner) for runner in runners._runners.values()]
    cuda.lost = True
    if end == 'close':
        runners.close()
    else:
        run_in_vain(runners, 1, 16, 40)
    gc.collect()
    assert all(runner() for runner in held)


def test_what_is_kept_for_good_is_not_even_freed_at_the_end():
    script = """
from espnet_ros.backends import torch_cuda
class Thing:
    def __del__(self): print('freed', flush=True)
torch_cuda._keep_for_good(Thing())
"""
    command = [sys.executable, '-c', script]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, '')


@pytest.mark.parametrize(
    'error', [
        'CUDA error: unspecified launch failure', 'cuDNN error: CUDNN_STATUS_INTERNAL_ERROR',
        'GET was unable to find an engine to execute this computation',
        'FIND was unable to find an engine to execute this computation',
        'Unable to find a valid cuDNN algorithm to run convolution',
    ],
)  # fmt: skip
def test_a_gpu_that_is_lost_is_said(error, runners, network):
    network.error = RuntimeError(f'{error}\nCompile with ...')
    with pytest.raises(DeviceError, match=rf'cpu failed \({error}\): check it with `nvidia-smi`'):
        runners.run(np.zeros((1, 16, 24, 3), np.uint8))


def test_other_errors_are_left_as_they_are(runners, network):
    network.error = RuntimeError('Sizes of tensors must match')
    with pytest.raises(RuntimeError, match='Sizes of tensors must match'):
        runners.run(np.zeros((1, 16, 24, 3), np.uint8))


def test_no_tensor_is_one_of_inference_mode(runners, cuda, network):
    modes = set()
    network.watch = lambda: modes.add((torch.is_grad_enabled(), torch.is_inference_mode_enabled()))
    cuda.fails = RuntimeError(NOT_CAPTURED)
    # The warm-up and the capture, and the run without a graph.
    assert_right(runners, 0, 1, 16, 24)
    assert network.runs == 3 + 1 + 1 and modes == {(False, False)}


CUDNN = torch.backends.cudnn
SETTINGS = (
    (torch.backends, 'fp32_precision'), (CUDNN, 'fp32_precision'),
    (getattr(CUDNN, 'conv', None), 'fp32_precision'),
    (getattr(CUDNN, 'rnn', None), 'fp32_precision'), (CUDNN, 'benchmark'),
)  # fmt: skip


@pytest.fixture
def settings():
    """Return a function that reads all settings, which are as before in the end."""
    if not hasattr(CUDNN, 'conv'):
        pytest.skip('PyTorch before 2.9')
    read = lambda: [getattr(*setting) for setting in SETTINGS]  # noqa: E731
    before = read()
    yield read
    # It has a memory of its own.
    CUDNN.allow_tf32 = True
    for (owner, name), value in zip(SETTINGS, before, strict=True):
        setattr(owner, name, value)


@pytest.mark.parametrize('captured', [True, False])
@pytest.mark.parametrize(
    ('owner', 'name', 'value'),
    [
        (None, None, None),
        (torch.backends, 'fp32_precision', 'tf32'),
        (torch.backends, 'fp32_precision', 'ieee'),
        (CUDNN, 'fp32_precision', 'ieee'),
        (SETTINGS[2][0], 'fp32_precision', 'ieee'),
        (CUDNN, 'allow_tf32', False),
        (CUDNN, 'allow_tf32', True),
    ],
)
def test_it_computes_in_float32_whatever_the_host_program_has_set(
    owner, name, value, captured, settings, runners, cuda, network
):
    if owner is not None:
        setattr(owner, name, value)
    before, seen = settings(), set()

    def convolve():
        # PyTorch's own code reads the settings, too.
        torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3))
        # But for the replay, in which only the fake computes anew.
        if network.runs <= 4 or not captured:
            seen.add((CUDNN.conv.fp32_precision, CUDNN.benchmark))

    network.watch = convolve
    cuda.fails = None if captured else RuntimeError(NOT_CAPTURED)
    runners.run(np.zeros((1, 16, 24, 3), np.uint8))
    assert seen == {('ieee', True)} and settings() == before
    network.error = RuntimeError('Sizes of tensors must match')
    with pytest.raises(RuntimeError, match='Sizes of tensors'):
        runners.run(np.zeros((1, 16, 32, 3), np.uint8))
    assert settings() == before


def test_older_versions_have_other_settings():
    seen = []

    @contextlib.contextmanager
    def flags(**options):
        seen.append(options)
        yield
        seen.append('restored')

    old = SimpleNamespace(backends=SimpleNamespace(cudnn=SimpleNamespace(flags=flags)))
    with torch_cuda._exact(old):
        assert seen == [{'enabled': True, 'benchmark': True, 'allow_tf32': False}]
    assert seen[1:] == ['restored']


def test_two_backends_do_not_change_the_settings_at_once(cuda, settings):
    before, cuda.fails = settings(), RuntimeError(NOT_CAPTURED)
    computing, most, start = [], [], threading.Barrier(2)

    def watch():
        computing.append(None)
        most.append(len(computing))
        time.sleep(0.01)
        computing.pop()

    def work():
        network = Network()
        network.watch = watch
        runners = torch_cuda.CudaRunners(torch, network, torch.device('cpu'))
        start.wait(10)
        for seed in range(2):
            assert_right(runners, seed, 1, 16, 24)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    # The warm-up, the capture and two runs of both.
    assert most == [1] * 12 and settings() == before


@pytest.fixture
def on_cpu(cuda, monkeypatch):
    """Let the backend have its way on a device that is the CPU in truth."""
    resolve = torch.device
    monkeypatch.setattr(
        torch.nn.Module, 'to',
        lambda module, *a, to=torch.nn.Module.to, **k: (
            module if a and isinstance(a[0], resolve) else to(module, *a, **k)
        ),
    )  # fmt: skip
    return cuda


@pytest.mark.parametrize(
    ('capability', 'asked', 'resolved'),
    [((8, 7), 'auto', 'f16'), ((5, 2), 'auto', 'f32'), ((7, 5), 'f16', 'f16'),
     ((8, 0), 'bf16', 'bf16'), ((8, 7), 'f32', 'f32')],
)  # fmt: skip
def test_auto_is_half_precision_where_gpu_and_model_have_it(
    capability, asked, resolved, on_cpu, checker
):
    on_cpu.capability = capability
    with create_backend('torch', checker, 'cuda', asked) as backend:
        assert (backend.device, backend.precision) == ('cuda:0 (Orin)', resolved)
        assert on_cpu.emptied == 0
    assert on_cpu.emptied == 1


def test_auto_is_single_precision_for_a_model_whose_float16_differs(on_cpu, checker):
    files = {role: file for role, file in checker.files.items() if role != 'onnx_f16'}
    single = SimpleNamespace(**{**vars(checker), 'files': files})
    with create_backend('torch', single, 'cuda') as backend:
        assert backend.precision == 'f32'


@pytest.fixture
def all_on_cpu(on_cpu, monkeypatch):
    """Have even the buffers on the CPU, which computes in float16, too, if slowly."""
    monkeypatch.setattr(
        torch, 'zeros', lambda *a, zeros=torch.zeros, **k: zeros(*a, **{**k, 'device': 'cpu'})
    )  # fmt: skip
    return on_cpu


def test_leaving_frees_nothing_of_a_gpu_that_was_lost_while_idle(all_on_cpu, checker):
    with create_backend('torch', checker, 'cuda', 'f32') as backend:
        backend.warm_up((24, 16))
        (held,) = map(weakref.ref, backend._runners._runners.values())
        all_on_cpu.graphs.clear()
        all_on_cpu.lost = True
    gc.collect()
    assert held() is not None


@pytest.mark.parametrize('precision', ['f32', 'f16'])
def test_the_whole_graph_is_captured_and_replayed(precision, all_on_cpu, checker):
    bright = np.tile(np.array([[1, 0], [2, 4]], np.uint8), (8, 12))
    image = np.zeros((1, 16, 24, 3), np.uint8)
    image[:, :8] = 255
    with create_backend('torch', checker, 'cuda', precision) as backend:
        for pixels in (image, 255 - image, image):
            mask, confidence = backend.infer(pixels)
            np.testing.assert_array_equal(mask[0], np.where(pixels[0, ..., 0] > 0, bright, 3))
            assert np.abs(confidence.astype(int) - 114).max() <= 1
    assert [graph.replays for graph in all_on_cpu.graphs] == [3]
    assert all_on_cpu.pinned == [(1, 16, 24, 3), (2, 1, 16, 24)]


@pytest.mark.parametrize(
    ('capability', 'asked', 'best'), [((7, 5), 'bf16', 'f16'), ((5, 2), 'f16', 'f32')]
)
def test_a_precision_the_gpu_has_not_comes_with_the_next_best(
    capability, asked, best, on_cpu, checker
):
    on_cpu.capability = capability
    words = rf'not compute in {asked} on Orin \(compute capability .*choose precision {best}, the'
    with (
        pytest.raises(BackendUnavailableError, match=words),
        create_backend('torch', checker, 'cuda', asked),
    ):
        pass


def test_a_network_that_does_not_fit_on_the_gpu_is_said(cuda, checker, monkeypatch, caplog):
    def full(module, *args, **options):
        if args and isinstance(args[0], torch.device):
            raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 MiB')
        return module

    monkeypatch.setattr(torch.nn.Module, 'to', full)
    monkeypatch.setattr('espnet_ros.backends.cuda_devices', lambda: 1)
    words = r'cuda:0 has too little memory for the network; 2\.00 MiB more .* 3\.0 of 8192\.0 MiB'
    with (
        pytest.raises(DeviceError, match=words),
        create_backend('torch', checker, 'cuda'),
    ):
        pass
    # Who left the choice open gets the masks all the same.
    image = np.zeros((1, 16, 24, 3), np.uint8)
    with create_backend('auto', checker) as backend:
        assert backend.name != 'torch' and backend.device.startswith('CPU')
        np.testing.assert_array_equal(backend.infer(image)[0], np.full((1, 16, 24), 3))
    assert 'because torch on cuda failed: cuda:0 has too little memory' in caplog.text
