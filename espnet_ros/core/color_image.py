"""An image as its camera sent it, and converted to BGR where that is needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.resize import image_at

# These conversions only move or copy channels, so they may come before or after a resize.
MOVES = (
    cv2.COLOR_RGB2BGR,
    cv2.COLOR_BGRA2BGR,
    cv2.COLOR_RGBA2BGR,
    cv2.COLOR_GRAY2BGR,
)


@dataclass(frozen=True, eq=False)
class ColorImage:
    """Pixels whose channels may not be in BGR order yet.

    :param pixels: uint8 (H, W, C), may be a view of a message.
    :param to_bgr: OpenCV's conversion code, one of `MOVES`; None if the pixels are BGR already.
    :param upside_down: whether the network must get the image turned by 180 degrees.
    """

    pixels: UInt8Array
    to_bgr: int | None = None
    upside_down: bool = False

    @property
    def size_wh(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @cached_property
    def bgr(self) -> UInt8Array:
        """Return all pixels, uint8 (H, W, 3) BGR."""
        return self._in_order(self.pixels)

    def resized(self, size_wh: tuple[int, int]) -> UInt8Array:
        """Return the pixels at another size, uint8 (h, w, 3) BGR, bilinear."""
        if self.size_wh == size_wh:
            return self.bgr
        # The camera has more pixels than the network, so convert after the resize.
        return self._in_order(image_at(self.pixels, size_wh))

    def _in_order(self, pixels: UInt8Array) -> UInt8Array:
        if self.to_bgr is None:
            return pixels
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), self.to_bgr), np.uint8)
