"""The few CUDA driver calls that running an engine needs, through ctypes.

Every machine whose GPU works has the driver (libcuda), whatever CUDA version JetPack, pip or a
container brought; it may lack the runtime (libcudart) and its Python bindings. The signature of
an entry point never changes: a changed function gets a new name (``_v2``).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ctypes import c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from espnet_ros.backends.device_memory import UNKNOWN, free_of, mib, shortage
from espnet_ros.core.errors import BackendError, BackendUnavailableError, DeviceError

_POINTER = ctypes.POINTER(c_void_p)
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    'cuInit': (c_uint,),
    'cuDeviceGetCount': (ctypes.POINTER(c_int),),
    'cuDeviceGet': (ctypes.POINTER(c_int), c_int),
    'cuDeviceGetName': (c_char_p, c_int, c_int),
    'cuDeviceGetAttribute': (ctypes.POINTER(c_int), c_int, c_int),
    'cuDeviceTotalMem_v2': (ctypes.POINTER(c_size_t), c_int),
    'cuDevicePrimaryCtxRetain': (_POINTER, c_int),
    'cuDevicePrimaryCtxRelease_v2': (c_int,),
    'cuCtxGetCurrent': (_POINTER,),
    'cuCtxSetCurrent': (c_void_p,),
    'cuStreamCreate': (_POINTER, c_uint),
    'cuStreamDestroy_v2': (c_void_p,),
    'cuStreamSynchronize': (c_void_p,),
    'cuStreamBeginCapture_v2': (c_void_p, c_int),
    'cuStreamEndCapture': (c_void_p, _POINTER),
    'cuGraphInstantiateWithFlags': (_POINTER, c_void_p, c_uint64),
    'cuGraphLaunch': (c_void_p, c_void_p),
    'cuGraphDestroy': (c_void_p,),
    'cuGraphExecDestroy': (c_void_p,),
    'cuMemGetInfo_v2': (ctypes.POINTER(c_size_t), ctypes.POINTER(c_size_t)),
    'cuMemAlloc_v2': (ctypes.POINTER(c_uint64), c_size_t),
    'cuMemFree_v2': (c_uint64,),
    'cuMemHostAlloc': (_POINTER, c_size_t, c_uint),
    'cuMemFreeHost': (c_void_p,),
    'cuMemcpyHtoDAsync_v2': (c_uint64, c_void_p, c_size_t, c_void_p),
    'cuMemcpyDtoHAsync_v2': (c_void_p, c_uint64, c_size_t, c_void_p),
    'cuGetErrorString': (c_int, ctypes.POINTER(c_char_p)),
}
_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING
_THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
_MULTIPROCESSORS, _MAJOR, _MINOR = 16, 75, 76  # CU_DEVICE_ATTRIBUTE_...


@dataclass(frozen=True)
class Gpu:
    """What engines depend on.

    :param name: as the driver gives it; all Jetson Orins are called ``Orin``.
    :param compute_capability: major and minor.
    :param multiprocessors: their number, which tells most Orins apart.
    :param memory_gib: in total, rounded; the Orin Nano 8 GB and both NXs differ in nothing else.
    """

    name: str
    compute_capability: tuple[int, int]
    multiprocessors: int
    memory_gib: int


@dataclass(frozen=True)
class Buffer:
    """The same number of bytes on the device and, page-locked, on the host.

    :param device: address.
    :param host: address.
    :param size: bytes.
    :param array: the host side, uint8 (size,); do not use it once the buffer is freed.
    """

    device: int
    host: int
    size: int
    array: npt.NDArray[np.uint8]


class Cuda:
    """One device: its primary context, which TensorRT shares, and one stream.

    To allocate, free or run, the context must be current: do it inside `current`.

    :param index: of the device.
    :ivar gpu: the properties of the device.
    :raises BackendUnavailableError: if there is no such device.
    """

    def __init__(self, index: int) -> None:
        self._driver = _open_driver()
        self._context: c_void_p | None = None
        self._stream: c_void_p | None = None
        count, self._device = c_int(), c_int()
        self._call('cuDeviceGetCount', ctypes.byref(count))
        if index >= count.value:
            raise BackendUnavailableError(
                f'there is no CUDA device {index}, the driver finds {count.value}: choose device '
                f'auto or one of {", ".join(f"cuda:{i}" for i in range(count.value))}'
            )
        self._call('cuDeviceGet', ctypes.byref(self._device), index)
        self.gpu = self._properties()
        context, stream = c_void_p(), c_void_p()
        self._call('cuDevicePrimaryCtxRetain', ctypes.byref(context), self._device)
        self._context = context
        try:
            with self.current():
                self._call('cuStreamCreate', ctypes.byref(stream), _NON_BLOCKING)
        except BackendError:
            self.close()
            raise
        self._stream = stream

    @property
    def stream(self) -> int:
        """Return the handle of the stream."""
        assert self._stream is not None and self._stream.value is not None
        return self._stream.value

    def use(self) -> None:
        """Make the context current for good in this thread, which must be one of our own.

        :raises DeviceError: if the device is lost.
        """
        self._call('cuCtxSetCurrent', self._context)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the context current in this thread, and restore the previous one afterwards.

        Else the thread's own CUDA work that follows would run on this device, too.

        :raises DeviceError: if the device is lost.
        """
        before = c_void_p()
        self._call('cuCtxGetCurrent', ctypes.byref(before))
        self.use()
        try:
            yield
        finally:
            self._release('cuCtxSetCurrent', before)

    @contextmanager
    def freeing(self) -> Iterator[None]:
        """Like `current`, for freeing things; it does not fail on a lost device."""
        with ExitStack() as stack:
            with suppress(DeviceError):
                stack.enter_context(self.current())
            yield

    def allocate(self, size: int) -> Buffer:
        """Allocate a buffer.

        :raises DeviceError: if device or host have too little memory; it says how much is free.
        """
        device, host = self.reserve(size), c_void_p()
        try:
            self._call('cuMemHostAlloc', ctypes.byref(host), size, 0)
        except DeviceError as error:
            self.release(device)
            raise self._shortage(error, size) from error
        assert host.value is not None
        memory = (ctypes.c_uint8 * size).from_address(host.value)
        return Buffer(device, host.value, size, np.ctypeslib.as_array(memory))

    def free(self, buffer: Buffer) -> None:
        """Free a buffer."""
        self.release(buffer.device)
        self._release('cuMemFreeHost', buffer.host)

    def reserve(self, size: int) -> int:
        """Allocate memory on the device alone and return its address.

        :raises DeviceError: if the device has too little memory; it says how much is free.
        """
        device = c_uint64()
        try:
            self._call('cuMemAlloc_v2', ctypes.byref(device), size)
        except DeviceError as error:
            raise self._shortage(error, size) from error
        return device.value

    def release(self, device: int) -> None:
        """Free what `reserve` allocated."""
        self._release('cuMemFree_v2', device)

    def upload(self, buffer: Buffer) -> None:
        """Enqueue the copy of a buffer to the device."""
        self._call('cuMemcpyHtoDAsync_v2', buffer.device, buffer.host, buffer.size, self._stream)

    def download(self, buffer: Buffer) -> None:
        """Enqueue the copy of a buffer to the host."""
        self._call('cuMemcpyDtoHAsync_v2', buffer.host, buffer.device, buffer.size, self._stream)

    def wait(self) -> None:
        """Wait for everything enqueued so far."""
        self._call('cuStreamSynchronize', self._stream)

    def capture(self, enqueue: Callable[[], None]) -> int:
        """Record what a function enqueues instead of running it; return an executable graph.

        :raises DeviceError: if something in it can't be recorded.
        """
        graph, executable = c_void_p(), c_void_p()
        self._call('cuStreamBeginCapture_v2', self._stream, _THREAD_LOCAL)
        try:
            enqueue()
        except BaseException:
            # Even a failed capture must be ended before the stream takes other work.
            self._release('cuStreamEndCapture', self._stream, ctypes.byref(graph))
            if graph.value:
                self._release('cuGraphDestroy', graph)
            raise
        self._call('cuStreamEndCapture', self._stream, ctypes.byref(graph))
        try:
            self._call('cuGraphInstantiateWithFlags', ctypes.byref(executable), graph, 0)
        finally:
            self._release('cuGraphDestroy', graph)
        assert executable.value is not None
        return executable.value

    def launch(self, graph: int) -> None:
        """Enqueue an executable graph."""
        self._call('cuGraphLaunch', graph, self._stream)

    def free_graph(self, graph: int) -> None:
        """Free an executable graph."""
        self._release('cuGraphExecDestroy', graph)

    def memory(self) -> str:
        """Return how much of the device's memory is free, in words."""
        try:
            return free_of(*self._memory())
        except DeviceError:
            return UNKNOWN

    def free_memory(self) -> int:
        """Return how many bytes of the device's memory are free."""
        return self._memory()[0]

    def close(self) -> None:
        """Free the stream and give the context back."""
        if self._stream is not None:
            with self.freeing():
                self._release('cuStreamDestroy_v2', self._stream)
            self._stream = None
        if self._context is not None:
            self._release('cuDevicePrimaryCtxRelease_v2', self._device)
            self._context = None

    def _properties(self) -> Gpu:
        name = ctypes.create_string_buffer(256)
        self._call('cuDeviceGetName', name, len(name), self._device)
        values = []
        for attribute in (_MAJOR, _MINOR, _MULTIPROCESSORS):
            value = c_int()
            self._call('cuDeviceGetAttribute', ctypes.byref(value), attribute, self._device)
            values.append(value.value)
        memory = c_size_t()
        self._call('cuDeviceTotalMem_v2', ctypes.byref(memory), self._device)
        gib = round(memory.value / 2**30)
        return Gpu(name.value.decode(), (values[0], values[1]), values[2], gib)

    def _memory(self) -> tuple[int, int]:
        free, total = c_size_t(), c_size_t()
        self._call('cuMemGetInfo_v2', ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def _shortage(self, error: DeviceError, size: int) -> DeviceError:
        return shortage(str(error), f'{mib(size)} were asked for', self.memory())

    def _call(self, name: str, *arguments: Any) -> None:
        _check(self._driver, name, getattr(self._driver, name)(*arguments))

    def _release(self, name: str, *arguments: Any) -> None:
        """Free or end something; ignore errors, because a lost device fails every call."""
        getattr(self._driver, name)(*arguments)


def _open_driver() -> Any:
    try:
        driver = ctypes.CDLL('libcuda.so.1')
        for name, types in _SIGNATURES.items():
            getattr(driver, name).argtypes = types
    except (OSError, AttributeError) as error:
        raise BackendUnavailableError(
            f'this machine has no usable NVIDIA driver ({error}): TensorRT runs on a Jetson with '
            'JetPack 6.1 or later, or with an NVIDIA GPU and its driver; in a container start it '
            'with the NVIDIA runtime (`--runtime nvidia` or `--gpus all`); or choose another '
            'backend'
        ) from error
    try:
        _check(driver, 'cuInit', driver.cuInit(0))
    except BackendError as error:
        raise BackendUnavailableError(
            f'the NVIDIA driver is installed but offers no device ({error}): check it with '
            '`nvidia-smi`, or choose another backend'
        ) from error
    return driver


def _check(driver: Any, name: str, result: int) -> None:
    if result == 0:
        return
    text = c_char_p()
    driver.cuGetErrorString(result, ctypes.byref(text))
    meaning = (text.value or b'unknown error').decode()
    raise DeviceError(f'{name} failed: {meaning} (CUDA error {result})')
