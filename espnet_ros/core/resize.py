"""Resizes images and masks, in the same way on the robot, in training and in comparisons."""

from __future__ import annotations

import cv2
import numpy as np

from espnet_ros.core.arrays import UInt8Array


def image_at(image: UInt8Array, size_wh: tuple[int, int]) -> UInt8Array:
    """Return an image resized to a network's input, bilinear; itself if it has that size.

    :param image: uint8 (H, W, C).
    """
    return _at(image, size_wh, cv2.INTER_LINEAR)


def mask_at(mask: UInt8Array, size_wh: tuple[int, int]) -> UInt8Array:
    """Return class ids or confidences resized, nearest; themselves if they have that size.

    :param mask: uint8 (H, W).
    """
    # The exact variant keeps pixel centres where INTER_LINEAR and camera_info have them; plain
    # INTER_NEAREST shifts the mask by up to half a network pixel.
    return _at(mask, size_wh, cv2.INTER_NEAREST_EXACT)


def _at(pixels: UInt8Array, size_wh: tuple[int, int], interpolation: int) -> UInt8Array:
    if pixels.shape[1::-1] == size_wh:
        return pixels
    return np.asarray(cv2.resize(pixels, size_wh, interpolation=interpolation), np.uint8)
