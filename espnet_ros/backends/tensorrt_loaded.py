"""An engine on the device, with the memory in which it computes."""

from __future__ import annotations

from typing import Any

from espnet_ros.backends.cuda_driver import Cuda
from espnet_ros.backends.tensorrt_builder import Profile


class LoadedEngine:
    """An engine and one block for the activations of all its contexts, which never run together.

    :param engine: TensorRT's.
    :param profile: what it takes.
    :raises DeviceError: if the device has not that much memory left.
    """

    def __init__(self, engine: Any, profile: Profile, cuda: Cuda) -> None:
        self.engine = engine
        self.profile = profile
        self._cuda = cuda
        # TensorRT 10.0 has only the second, 11 and TensorRT for RTX only the first.
        name = 'device_memory_size_v2'
        if not hasattr(engine, name):
            name = 'device_memory_size'
        # CUDA allocates nothing of no size.
        self._size = max(1, int(getattr(engine, name)))
        self._memory = cuda.reserve(self._size)

    def lend(self, context: Any) -> None:
        """Have an execution context of the engine compute in its memory."""
        if hasattr(context, 'set_device_memory'):
            context.set_device_memory(self._memory, self._size)
        else:
            # TensorRT 10.0
            context.device_memory = self._memory

    def close(self) -> None:
        """Let go of engine and memory, once its contexts are gone; the device is to be current."""
        self.engine = None
        self._cuda.release(self._memory)
