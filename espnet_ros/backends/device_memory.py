"""What is said, whichever library finds it out, of a device whose memory does not suffice."""

from __future__ import annotations

from espnet_ros.core.errors import DeviceError

CURE = 'End other programs on the GPU or choose a smaller input.size_wh'
UNKNOWN = 'how much is free can not be told'


def mib(size: int) -> str:
    """Return a number of bytes in MiB, in words."""
    return f'{size / 2**20:.1f} MiB'


def free_of(free: int, total: int) -> str:
    """Return how much of a device's memory is free, both in bytes, in words."""
    return f'{free / 2**20:.1f} of {mib(total)} are free'


def shortage(what: str, need: str, free: str, elsewhere: str = '') -> DeviceError:
    """Return the error of a device that has too little memory.

    :param what: failed.
    :param need: how much memory was asked for, in words.
    :param free: see `free_of`; `UNKNOWN` if it is not known.
    :param elsewhere: what else may be chosen, e.g. `` or device cpu``.
    """
    return DeviceError(f'{what}; {need}, {free}. {CURE}{elsewhere}')
