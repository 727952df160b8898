"""Depth images: decoded, and matched to the image they belong to by stamp."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import Image

from espnet_ros.core.errors import ImageError
from espnet_ros.ros.stamps import nanoseconds

DepthArray = npt.NDArray[np.float32]

# Images of an RGB-D camera and their depth have one stamp; two sensors side by side nearly so.
_MAX_OFFSET_NS = 20_000_000
_KEPT = 10


class DepthQueue:
    """The latest depth images of one camera, written by one thread and read by another."""

    def __init__(self) -> None:
        self._messages: deque[Image] = deque(maxlen=_KEPT)
        self._changed = threading.Condition()
        self._closed = False

    def put(self, message: Image) -> None:
        """Keep a depth image, forgetting the oldest one."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def close(self) -> None:
        """End all waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def at(self, stamp: Any, timeout_s: float) -> Image:
        """Return the depth image of a stamp, waiting for it.

        :param stamp: builtin_interfaces Time.
        :raises ImageError: if none came within 20 ms of it.
        """
        wanted = nanoseconds(stamp)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._near(wanted), timeout_s)
            found = self._near(wanted)
            if found is not None:
                return found
            stamps = [nanoseconds(m.header.stamp) for m in self._messages]
        if not stamps:
            raise ImageError(
                'depth', 'no depth image: publish one on depth/image, registered to the camera, '
                'or set projection.source to ground'
            )  # fmt: skip
        off_ms = min((s - wanted for s in stamps), key=abs) / 1e6
        raise ImageError(
            'depth', f'the nearest depth image is {off_ms:+.0f} ms from the image, more than '
            f'{_MAX_OFFSET_NS / 1e6:.0f} ms: synchronise the two'
        )  # fmt: skip

    def _near(self, wanted: int) -> Image | None:
        best = min(
            self._messages, key=lambda m: abs(nanoseconds(m.header.stamp) - wanted), default=None
        )
        if best is None or abs(nanoseconds(best.header.stamp) - wanted) > _MAX_OFFSET_NS:
            return None
        return best


def depth_to_meters(
    message: Image, image_wh: tuple[int, int], mask_wh: tuple[int, int]
) -> DepthArray:
    """Return a depth image as float32 (H, W) metres of the mask's size; 0 is unknown (REP 118).

    :param message: 16UC1 in millimetres or 32FC1 in metres.
    :param image_wh: size of the colour image that it is registered to, pixels.
    :param mask_wh: size to return, pixels.
    :raises ImageError: if it is of another encoding or size, or its fields contradict each other.
    """
    kinds = {'16UC1': ('u2', 0.001), 'mono16': ('u2', 0.001), '32FC1': ('f4', 1.0)}
    if message.encoding not in kinds:
        raise ImageError(
            'depth', f'depth must be 16UC1 (millimetres) or 32FC1 (metres), got '
            f'{message.encoding!r}'
        )  # fmt: skip
    if (message.width, message.height) != image_wh:
        raise ImageError(
            'depth', f'depth is {message.width}x{message.height}, the image '
            f'{image_wh[0]}x{image_wh[1]}: register depth to the colour camera'
        )  # fmt: skip
    kind, scale = kinds[message.encoding]
    dtype = np.dtype(('>' if message.is_bigendian else '<') + kind)
    row = message.width * dtype.itemsize
    if message.step < row or len(message.data) < message.height * message.step:
        raise ImageError(
            'depth', f'step {message.step} and {len(message.data)} bytes of data are too few for '
            f'{message.width}x{message.height} pixels of {message.encoding}'
        )  # fmt: skip
    pixels = np.ndarray(
        (message.height, message.width), dtype, buffer=message.data,
        strides=(message.step, dtype.itemsize),
    )  # fmt: skip
    if mask_wh != image_wh:
        # Between two depths there is nothing.
        native = np.ascontiguousarray(pixels, dtype.newbyteorder('='))
        pixels = cv2.resize(native, mask_wh, interpolation=cv2.INTER_NEAREST_EXACT)  # type: ignore[assignment]
    return (pixels * np.float32(scale)).astype(np.float32)
