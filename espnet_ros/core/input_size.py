"""The image sizes that the networks accept."""

from __future__ import annotations

import itertools
from typing import Any

from espnet_ros.core.errors import BackendError

# The networks halve an image three times, so its sides must be multiples of this many pixels.
STRIDE = 8
# The largest side, in pixels, that a model or a parameter may name.
LARGEST = 8192


def is_size_wh(value: Any) -> bool:
    """Return whether a value from a file or a parameter is a size that the networks accept.

    :param value: expected to be a list or tuple of width and height, whole numbers of pixels.
    """
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(isinstance(v, int) and v in range(STRIDE, LARGEST + 1, STRIDE) for v in value)
    )


def nearest_sizes_wh(size_wh: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the nearest sizes that the networks accept, or just the given size if it is one.

    :param size_wh: width and height in pixels.
    """
    choices = []
    for value in size_wh:
        below = value // STRIDE * STRIDE
        choices.append({max(below, STRIDE), below if value == below else below + STRIDE})
    heights_first = itertools.product(sorted(choices[1]), sorted(choices[0]))
    return [(width, height) for height, width in heights_first if height and width]


def check_size_wh(size_wh: tuple[int, int]) -> None:
    """Refuse an image size that the networks can't take; sizes above `LARGEST` pass.

    :param size_wh: width and height in pixels.
    :raises BackendError: naming the nearest valid sizes.
    """
    sizes = nearest_sizes_wh(size_wh)
    if tuple(size_wh) not in sizes:
        names = ', '.join(f'{width}x{height}' for width, height in sizes)
        raise BackendError(
            f'width and height must be multiples of {STRIDE}, {size_wh[0]}x{size_wh[1]} is not: '
            f'nearest {"is" if len(sizes) == 1 else "are"} {names}'
        )
