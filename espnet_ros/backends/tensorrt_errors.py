"""Why a TensorRT call failed: the device, which may work again later, or something else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from espnet_ros.backends.cuda_driver import Cuda
from espnet_ros.backends.device_memory import mib, shortage
from espnet_ros.backends.tensorrt_library import DEVICE, MEMORY, Library
from espnet_ros.core.errors import BackendError, DeviceError

T = TypeVar('T')
# cudaErrorInsufficientDriver, by number and in words.
_OLD_DRIVER = re.compile('cuda initialization .*error:? 35|driver version is insufficient', re.I)


def failure(library: Library, what: str, cuda: Cuda | None, need: int = 0) -> BackendError:
    """Return the error for a call that failed, with the messages of the library.

    :param what: what failed, to follow the library's name, e.g. ``could not run the engine``.
    :param cuda: the device; None in a build without one.
    :param need: the least device memory needed, in bytes; 0 if that is not known.
    :return: a `DeviceError` if the device ran out of memory or failed itself.
    """
    reason = library.take_messages()
    words = f'{library.name} {what}: {reason}'
    if cuda is not None and MEMORY.search(reason):
        needed = f'at least {mib(need)} are needed' if need else 'the need is unknown'
        return shortage(words, needed, cuda.memory())
    if cuda is not None and _OLD_DRIVER.search(reason):
        return DeviceError(
            f'{words}: the NVIDIA driver is older than this library needs; update it, install the '
            'library for an older CUDA (`pip install tensorrt-cu12`), or choose another backend'
        )
    if cuda is not None and DEVICE.search(reason):
        return DeviceError(
            f'{words}: check the GPU with `nvidia-smi`, restart the node, or choose another '
            'backend'
        )
    return BackendError(words)


def opened(library: Library, kind: Callable[[Any], T], cuda: Cuda | None) -> T:
    """Return the library's builder or runtime, which opens the device.

    :raises BackendError: with the reason, if that fails, e.g. because the driver is too old.
    """
    library.messages.clear()
    try:
        return kind(library.logger)
    except TypeError as error:
        # The bindings say only that they got no object.
        raise failure(library, 'could not open the device', cuda) from error
