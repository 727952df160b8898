"""An engine on the device, with its working memory."""

from __future__ import annotations

from typing import Any

from espnet_ros.backends.cuda_driver import Cuda
from espnet_ros.backends.tensorrt_builder import Profile


class LoadedEngine:
    """An engine and one memory block for all its contexts, which never run at the same time.

    :param engine: TensorRT's.
    :param profile: what it takes.
    :raises DeviceError: if the device has too little memory left for the activations.
    """

    def __init__(self, engine: Any, profile: Profile, cuda: Cuda) -> None:
        self.engine = engine
        self.profile = profile
        self._cuda = cuda
        # TensorRT 10.0 has only the second name, 11 and TensorRT for RTX only the first.
        name = 'device_memory_size_v2'
        if not hasattr(engine, name):
            name = 'device_memory_size'
        # CUDA refuses to allocate 0 bytes.
        self._size = max(1, int(getattr(engine, name)))
        self._memory = cuda.reserve(self._size)

    def lend(self, context: Any) -> None:
        """Let an execution context of the engine use the memory block."""
        if hasattr(context, 'set_device_memory'):
            context.set_device_memory(self._memory, self._size)
        else:
            # TensorRT 10.0
            context.device_memory = self._memory

    def close(self) -> None:
        """Free engine and memory, after its contexts; the device must be current."""
        self.engine = None
        self._cuda.release(self._memory)
