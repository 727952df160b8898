"""Multiplications of a network, from its architecture alone: no torch is needed on a robot.

Only convolutions count, plain and transposed; normalisation, activation, pooling and argmax are
under 3 % of the arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from espnet_ros.core.architecture import (
    ARCHITECTURES,
    BRANCHES,
    IMAGE_CHANNELS,
    LEVEL_CHANNELS,
    WHOLE,
    branches_of,
)


def macs(architecture: Mapping[str, Any], size_wh: tuple[int, int]) -> int:
    """Return the multiply-accumulate operations for one image.

    :param architecture: of a `Bundle`.
    :param size_wh: of the network input, multiples of 8.
    """
    pixels = size_wh[0] * size_wh[1]
    share, reinforce = ARCHITECTURES[architecture['name']]
    classes = architecture['classes']
    image = IMAGE_CHANNELS if reinforce else 0
    level1, level2, level3 = LEVEL_CHANNELS
    joined2 = (2 if share else 1) * level2 + image
    half, quarter, eighth = pixels // 4, pixels // 16, pixels // 64
    total = half * 9 * IMAGE_CHANNELS * level1
    total += quarter * _level(level1 + image, level2, architecture['alpha2'])
    total += eighth * _level(joined2, level3, architecture['alpha3'])
    total += eighth * (2 if share else 1) * level3 * classes
    if architecture['name'] == WHOLE:
        skip = level1 + (image if architecture['skip'] == 'joined' else 0)
        total += quarter * classes * (classes + joined2)  # up3 and project2
        total += quarter * _esp(2 * classes, classes, branches=branches_of(classes))
        total += half * classes * (classes + 9 * (classes + skip))  # up2 and merge1
        total += pixels * classes * classes  # up1
    return int(total)


def _level(in_channels: int, channels: int, depth: int) -> int:
    """Return the multiplications for each output pixel of a level."""
    strided = _esp(in_channels, channels, reduce_kernel=3)
    return strided + depth * _esp(channels, channels)


def _esp(
    in_channels: int, out_channels: int, branches: int = BRANCHES, reduce_kernel: int = 1
) -> int:
    """Return the multiplications for each output pixel of an ESP module."""
    width = out_channels // branches
    # All branches together have out_channels outputs of 3 x 3 x width inputs.
    return reduce_kernel**2 * in_channels * width + 9 * width * out_channels
