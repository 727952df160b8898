"""What this machine has: processor and CUDA devices, asked without importing torch."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import lru_cache

_CPUINFO = '/proc/cpuinfo'


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


@lru_cache(maxsize=1)
def processor_name() -> str:
    """Return the processor's name as the kernel gives it, else the architecture's."""
    return _processor_line('model name') or platform.machine()


def multiplies_bf16() -> bool:
    """Return whether the processor, x86-64 or ARM, has bfloat16 multiplication."""
    return bool(_processor_flags() & {'avx512_bf16', 'amx_bf16', 'bf16'})


def adds_int8_products() -> bool:
    """Return whether the processor sums 8-bit products in 32 bits (x86-64 VNNI).

    Without VNNI, libraries add pairs of products in 16 bits, which overflow.
    """
    return bool(_processor_flags() & {'avx512_vnni', 'avx_vnni'})


def _processor_flags() -> frozenset[str]:
    return frozenset((_processor_line('flags') or _processor_line('Features')).split())


def _processor_line(wanted: str) -> str:
    """Return what the kernel says about the first processor, '' if nothing."""
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
