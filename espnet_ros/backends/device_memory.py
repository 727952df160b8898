"""The error for a device with too little memory, in the same words for every library."""

from __future__ import annotations

from espnet_ros.core.errors import DeviceError

CURE = 'End other programs on the GPU or choose a smaller input.size_wh'
UNKNOWN = 'how much is free is unknown'


def mib(size: int) -> str:
    """Return a number of bytes in MiB, in words."""
    return f'{size / 2**20:.1f} MiB'


def free_of(free: int, total: int) -> str:
    """Return how much of a device's memory is free, both in bytes, in words."""
    return f'{free / 2**20:.1f} of {mib(total)} are free'


def shortage(what: str, need: str, free: str, elsewhere: str = '') -> DeviceError:
    """Return the error for a device that has too little memory.

    :param what: what failed, in words.
    :param need: how much memory was requested, in words.
    :param free: see `free_of`; `UNKNOWN` if it is not known.
    :param elsewhere: an alternative for the end of the sentence, e.g. `` or device cpu``.
    """
    return DeviceError(f'{what}; {need}, {free}. {CURE}{elsewhere}')
