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
_CPUINFO = '/proc/cpuinfo'


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
            f'{how_to_get(library)}, or choose another backend'
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
    return _processor_line('model name') or platform.machine()


def multiplies_bf16() -> bool:
    """Tell whether the processor multiplies bfloat16 itself, x86-64 or ARM."""
    return bool(_processor_flags() & {'avx512_bf16', 'amx_bf16', 'bf16'})


def adds_int8_products() -> bool:
    """Tell whether the processor multiplies and adds 8-bit integers in 32 bits (x86-64 VNNI).

    Without VNNI, libraries add pairs of products in 16 bits, which overflow.
    """
    return bool(_processor_flags() & {'avx512_vnni', 'avx_vnni'})


def _processor_flags() -> frozenset[str]:
    return frozenset((_processor_line('flags') or _processor_line('Features')).split())


def _processor_line(wanted: str) -> str:
    """Return what the kernel says of the first processor, empty if nothing."""
    try:
        with open(_CPUINFO, encoding='utf-8') as lines:
            for line in lines:
                key, _, value = line.partition(':')
                if key.strip() == wanted:
                    return value.strip()
    except OSError:
        pass
    return ''


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
