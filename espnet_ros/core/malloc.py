"""Tunes the C library's memory allocation, which can cost more than the work in the memory."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8


def tune_malloc() -> bool:
    """Make glibc keep the memory of images instead of asking the kernel for each image.

    By default every block of an image's size is mapped, zeroed page by page and unmapped again.
    That costs more than the transport of an image, and a quarter of PyTorch's time on the CPU.
    Also, each thread would get its own pool, which is given back to the kernel as soon as it is
    empty. This affects only memory that is allocated afterwards.

    :return: False if the C library has no mallopt.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    options = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_ARENA_MAX, 1))
    return all(bool(mallopt(*option)) for option in options)
