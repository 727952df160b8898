"""How the C library hands out memory, where that costs more than the work done in it."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8


def tune_malloc() -> bool:
    """Let glibc keep the memory of images instead of asking the kernel for each one.

    By default every block of an image's size is mapped, zeroed page by page and unmapped again,
    which costs more than the transport of an image, and a quarter of PyTorch's time on the CPU.
    And each thread would get a pool of its own, which is given back to the kernel as soon as it
    is empty. It takes effect on what is allocated from then on.

    :return: False where the C library has no mallopt.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    options = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_ARENA_MAX, 1))
    return all(bool(mallopt(*option)) for option in options)
