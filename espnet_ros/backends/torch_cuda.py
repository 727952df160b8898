"""PyTorch on a CUDA device: for each batch shape, fixed buffers and one CUDA graph."""

from __future__ import annotations

import ctypes
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from espnet_ros.backends.by_shape import ByShape
from espnet_ros.backends.device_memory import UNKNOWN, free_of, shortage
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import DeviceError

log = logging.getLogger('espnet_ros.torch')

# From PyTorch's notes on CUDA graphs: libraries set themselves up in the first runs.
_WARM_UPS = 3
# Held while cuDNN's settings are changed, because the whole process shares them.
_SETTINGS = threading.Lock()


class CudaRunners:
    """Runs a deployment graph on batches of any shape; drops the least recently used shape.

    :param torch: the library.
    :param network: the graph, on the device.
    :param device: PyTorch's.
    """

    def __init__(self, torch: Any, network: Any, device: Any) -> None:
        self._torch = torch
        self._network = network
        self._device = device
        self._runners = ByShape(CudaRunner.close)
        # False once a capture has failed: each failure costs PyTorch's allocator memory (pull
        # requests 180395 and 190348 of PyTorch).
        self._captures = True

    def run(self, images: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
        """Return mask and confidence of a batch, uint8 (N, H, W, 3), contiguous.

        :raises DeviceError: if the device has too little memory or is lost.
        """
        try:
            return self._runners.of(images.shape, self._new).run(images)
        except RuntimeError as error:
            height, width = images.shape[1:3]
            what = f'images of {width}x{height} in a batch of {images.shape[0]}'
            failure = device_failure(self._torch, self._device, error, what)
            if failure is None:
                raise
            # Other code, here or elsewhere, may need the memory.
            self.close()
            raise failure from error

    def upload(self, images: UInt8Array) -> None:
        """Copy a batch to the device and wait for that; its shape must have run before."""
        self._runners[images.shape].upload(images)

    def close(self) -> None:
        """Free the buffers and graphs of all shapes."""
        self._runners.clear()

    def _new(self, shape: tuple[int, ...]) -> CudaRunner:
        runner = CudaRunner(self._torch, self._network, self._device, shape, self._captures)
        self._captures = runner.has_graph
        return runner


class CudaRunner:
    """Runs a deployment graph on batches of one shape: one copy in, a graph, one copy out.

    :param shape: of the images, (N, H, W, 3).
    :param captures: whether to try to capture a graph.
    """

    def __init__(
        self, torch: Any, network: Any, device: Any, shape: tuple[int, ...], captures: bool
    ) -> None:
        self._torch = torch
        self._network = network
        self._device = device
        self._graph: Any = None
        # Not inference_mode: the first capture of a process makes tensors that all later ones
        # change, those of the host program, too (issue 166792 of PyTorch).
        with torch.cuda.device(device), torch.no_grad():
            # PyTorch copies asynchronously only from and to pinned memory.
            self._host_images = torch.empty(shape, dtype=torch.uint8).pin_memory()
            self._host_output = torch.empty((2, *shape[:3]), dtype=torch.uint8).pin_memory()
            self._images = torch.zeros(shape, dtype=torch.uint8, device=device)
            # Neither warm-up nor capture may use the default stream.
            self._stream = torch.cuda.Stream(device)
            self._stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(self._stream), _exact(torch):
                for _ in range(_WARM_UPS):
                    self._output = self._compute()
                if captures:
                    # In here, because a failed capture does not restore the thread's stream.
                    self._capture()

    @property
    def has_graph(self) -> bool:
        """Return whether a graph was captured."""
        return self._graph is not None

    def run(self, images: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
        """Return mask and confidence of a batch."""
        self._host_images.numpy()[...] = images
        with self._on_stream():
            self._images.copy_(self._host_images, non_blocking=True)
            if self._graph is not None:
                self._graph.replay()
            else:
                with _exact(self._torch):
                    self._output = self._compute()
            self._host_output.copy_(self._output, non_blocking=True)
        self._stream.synchronize()
        mask, confidence = self._host_output.numpy().copy()
        return mask, confidence

    def upload(self, images: UInt8Array) -> None:
        """Copy a batch to the device, without computing anything."""
        self._host_images.numpy()[...] = images
        with self._on_stream():
            self._images.copy_(self._host_images, non_blocking=True)
        self._stream.synchronize()

    def close(self) -> None:
        """Prepare the runner to be freed; if the device is lost, keep it for good."""
        try:
            # Waiting for the whole device would break a capture in another thread.
            self._stream.synchronize()
        except RuntimeError:
            # PyTorch ends the process when it frees pinned memory that was copied to or from a
            # device that is lost (pull request 178154 of PyTorch).
            _keep_for_good(self)

    @contextmanager
    def _on_stream(self) -> Iterator[None]:
        torch = self._torch
        with (
            torch.cuda.device(self._device),
            torch.no_grad(),
            torch.cuda.stream(self._stream),
        ):
            yield

    def _compute(self) -> Any:
        return self._torch.stack(self._network(self._images))

    def _capture(self) -> None:
        torch = self._torch
        graph = torch.cuda.CUDAGraph()
        try:
            # Thread-local, because other threads of a node may use the GPU meanwhile.
            with torch.cuda.graph(
                graph, stream=self._stream, capture_error_mode='thread_local'
            ):
                self._output = self._compute()
        except RuntimeError as error:
            if _out_of_memory(error):
                raise
            # PyTorch's allocator may still ask the graph which allocations it owns.
            _keep_for_good(graph)
            log.warning('PyTorch runs without a CUDA graph, slower: %s', _first_line(error))
        else:
            self._graph = graph


@contextmanager
def _exact(torch: Any) -> Iterator[None]:
    """Compute float32 parts in true float32, with the fastest algorithm for each shape.

    TF32 rounds the factors of every product to 10 bits. The head is float32 in f16 and bf16, too.
    """
    cudnn = torch.backends.cudnn
    with _SETTINGS:
        if not hasattr(cudnn, 'conv'):
            # PyTorch before 2.9
            with cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
                yield
            return
        # `flags` fails if the host program has set precisions by their new names.
        before = cudnn.conv.fp32_precision, cudnn.benchmark
        cudnn.conv.fp32_precision, cudnn.benchmark = 'ieee', True
        try:
            yield
        finally:
            cudnn.conv.fp32_precision, cudnn.benchmark = before


def _keep_for_good(thing: Any) -> None:
    """Never free something, not even at the end of the process, which would empty a list."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def device_failure(
    torch: Any, device: Any, error: RuntimeError, what: str
) -> DeviceError | None:
    """Return a `DeviceError` for an error of the device, None for any other.

    :param what: what needed the memory, in words.
    """
    if _out_of_memory(error):
        asked = re.search(r'Tried to allocate ([\d.]+ \w+)', str(error))
        need = f'{asked[1]} more are needed' if asked else 'how much more is needed is unknown'
        words = f'{device} has too little memory for {what}'
        return shortage(words, need, _memory(torch, device), ' or device cpu')
    # The last two are from cuDNN, when it has too little memory or no code for the GPU.
    signs = (
        'CUDA error|cuDNN error|CUDNN_STATUS|CUBLAS_STATUS|unable to find an engine|'
        'valid cuDNN algorithm'
    )
    if re.search(signs, str(error)):
        return DeviceError(
            f'{device} failed ({_first_line(error)}): check it with `nvidia-smi`, restart the '
            'node, or choose device cpu'
        )
    return None


def _out_of_memory(error: RuntimeError) -> bool:
    # Not only torch.cuda.OutOfMemoryError: cuDNN, cuBLAS and the driver of Jetsons report it, too.
    # On Jetsons, PyTorch itself fails when it asks NVML, which they lack, how much there is.
    words = 'out of memory|ALLOC_FAILED|NvMapMemAlloc|NVML_SUCCESS == r'
    return bool(re.search(words, str(error)))


def _memory(torch: Any, device: Any) -> str:
    with suppress(RuntimeError):
        return free_of(*torch.cuda.mem_get_info(device))
    return UNKNOWN


def _first_line(error: RuntimeError) -> str:
    return str(error).partition('\n')[0]
