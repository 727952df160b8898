"""Why TensorRT gave nothing: the device, which may be better off later, or something else."""

from __future__ import annotations

import re

from espnet_ros.backends.cuda_driver import Cuda
from espnet_ros.backends.device_memory import mib, shortage
from espnet_ros.backends.tensorrt_library import Library
from espnet_ros.core.errors import BackendError, DeviceError

# The library has no error codes in Python, only what it and, within it, CUDA and the allocator of
# Jetsons (NvMap) say.
_MEMORY = re.compile(
    'out ?of ?memory|insufficient (memory|workspace)|not enough (free )?memory|'
    'could not be allocated|NvMapMemAlloc',
    re.IGNORECASE,
)
_DEVICE = re.compile('cuda (runtime|driver|failure|error|initialization)', re.IGNORECASE)


def failure(library: Library, what: str, cuda: Cuda | None, need: int = 0) -> BackendError:
    """Return the error for a call that failed, with the messages of the library.

    :param what: was not done, continuing the library's name.
    :param cuda: the device; None where there is none, as in a build for others.
    :param need: bytes of its memory that are needed at least; 0 if that is not known.
    :return: a `DeviceError` if the device ran out of memory or fails itself.
    """
    reason = library.take_messages()
    words = f'{library.name} {what}: {reason}'
    if cuda is not None and _MEMORY.search(reason):
        needed = f'at least {mib(need)} are needed' if need else 'the need is not told'
        return shortage(words, needed, cuda.memory())
    if cuda is not None and _DEVICE.search(reason):
        return DeviceError(
            f'{words}: check the GPU with `nvidia-smi`, restart the node, or choose another '
            'backend'
        )
    return BackendError(words)
