"""What this machine has: libraries, processor, CUDA devices; asked without importing torch."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import platform
from functools import lru_cache
from types import ModuleType

from espnet_ros.core.errors import BackendUnavailableError

# Library -> the advice for who has not got it, where it is not simply `pip install` of its name.
HOW_TO_GET = {
    'tensorrt': 'on a Jetson `sudo apt install python3-libnvinfer` (a virtual environment sees it '
    'if made with --system-site-packages), elsewhere `pip install tensorrt`',
}


def how_to_get(library: str) -> str:
    """Return the command that installs a Python package."""
    return HOW_TO_GET.get(library, f'`pip install {library}`')


def installed(library: str) -> bool:
    """Tell whether a Python package can be found, without importing it."""
    return importlib.util.find_spec(library) is not None


def import_library(library: str, backend: str) -> ModuleType:
    """Import the package that a backend needs.

    :raises BackendUnavailableError: saying how to get it, or why it does not load.
    """
    if not installed(library):
        raise BackendUnavailableError(
            f'backend {backend} needs the Python package {library}, which is not installed: '
            f'`pip install {library}`, or choose another backend'
        )
    try:
        return importlib.import_module(library)
    except (ImportError, OSError) as error:
        raise BackendUnavailableError(
            f'backend {backend} needs the Python package {library}, which is installed but does '
            f'not load ({error}): install it again with `pip install --force-reinstall {library}`'
        ) from error


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


@lru_cache(maxsize=1)
def processor_name() -> str:
    """Return the processor's name as the kernel gives it, else the architecture's."""
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as lines:
            for line in lines:
                key, _, value = line.partition(':')
                if key.strip() == 'model name':
                    return value.strip()
    except OSError:
        pass
    return platform.machine()


@lru_cache(maxsize=1)
def cuda_devices() -> int:
    """Return the number of CUDA devices, as the driver counts them; 0 without a driver."""
    try:
        driver = ctypes.CDLL('libcuda.so.1')
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
