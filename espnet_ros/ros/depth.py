"""Depth images: decoded, and matched to the image they belong to by stamp."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import Image

from espnet_ros.core.errors import AbandonedError, ImageError
from espnet_ros.core.time_rules import RESTART_S
from espnet_ros.ros.conversions import raw_view
from espnet_ros.ros.stamps import SECOND_NS, nanoseconds

DepthArray = npt.NDArray[np.float32]

# An RGB-D camera gives an image and its depth one stamp; two separate sensors nearly so.
_MAX_OFFSET_NS = 20_000_000
_RESTART_NS = int(RESTART_S * SECOND_NS)


class DepthQueue:
    """The latest depth images of one camera, written by one thread and read by another.

    :param why_silent: returns the reason why none has come; called without holding the lock.
    :param keep_s: how far back its stamps reach: a mask may come that long after its image.
    :param max_bytes: limit of its memory, whatever the rate; 2 s of 720p in millimetres at 30 Hz
        are 106 MiB.
    """

    def __init__(
        self,
        why_silent: Callable[[], str],
        keep_s: float = 2.0,
        max_bytes: int = 128 * 2**20,
    ) -> None:
        self._why_silent = why_silent
        self._keep_ns = int(keep_s * SECOND_NS)
        self._max_bytes = max_bytes
        self._kept: dict[int, Image] = {}
        # Stamp up to which images were forgotten, to explain it to a late mask.
        self._forgotten_ns: int | None = None
        self._changed = threading.Condition()
        self._may_wait = True

    def put(self, message: Image) -> None:
        """Keep a depth image, forgetting what is too old or too much.

        A stamp that goes back by more than `RESTART_S` is a restart of time: what came before is
        forgotten.
        """
        stamp_ns = nanoseconds(message.header.stamp)
        with self._changed:
            if self._kept and stamp_ns < max(self._kept) - _RESTART_NS:
                self._forget_all()
            self._kept[stamp_ns] = message
            self._forget()
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all images, for when nobody asks for them any more."""
        with self._changed:
            self._forget_all()

    def allow_waiting(self, allowed: bool) -> None:
        """Let `at` wait, as it does at first, or end its waiting until it is allowed again."""
        with self._changed:
            self._may_wait = allowed
            self._changed.notify_all()

    def at(self, stamp: Any, timeout_s: float) -> Image:
        """Return the depth image of a stamp, or the nearest one within 20 ms.

        It waits while a nearer one may come: with a fast camera, the depth of the image before is
        near, too. It does not wait for what is already forgotten.

        :param stamp: builtin_interfaces Time.
        :raises ImageError: if none came within 20 ms of it, or it is not kept any more.
        :raises AbandonedError: if it would have to wait, and that is not allowed.
        """
        wanted_ns = nanoseconds(stamp)
        with self._changed:
            self._changed.wait_for(
                lambda: not self._may_wait or self._is_known(wanted_ns), timeout_s
            )
            found = self._near(wanted_ns)
            if found is not None:
                return found
            if not (self._may_wait or self._is_forgotten(wanted_ns)):
                raise AbandonedError('nobody waits for depth any more')
            why = self._why_none(wanted_ns) if self._kept else ''
        if not why:
            why = f'no depth image: {self._why_silent()}; or set projection.source to ground'
        raise ImageError('depth', why)

    def _is_known(self, wanted_ns: int) -> bool:
        """Tell whether waiting would change nothing."""
        if self._is_forgotten(wanted_ns):
            return True
        if not self._kept:
            return False
        latest = sorted(self._kept)[-2:]
        ahead_ns, period_ns = wanted_ns - latest[-1], latest[-1] - latest[0]
        # A separate sensor, not triggered with the camera, sends its next image as long after the
        # last one as that came after the one before.
        return ahead_ns <= 0 or (ahead_ns <= _MAX_OFFSET_NS and 2 * ahead_ns < period_ns)

    def _forget_all(self) -> None:
        self._kept.clear()
        self._forgotten_ns = None

    def _forget(self) -> None:
        newest_ns = max(self._kept)
        size = sum(len(message.data) for message in self._kept.values())
        for stamp_ns in sorted(self._kept)[:-1]:
            if newest_ns - stamp_ns <= self._keep_ns and size <= self._max_bytes:
                return
            size -= len(self._kept.pop(stamp_ns).data)
            self._forgotten_ns = stamp_ns

    def _near(self, wanted_ns: int) -> Image | None:
        nearest_ns = min(self._kept, key=lambda s: abs(s - wanted_ns), default=None)
        if nearest_ns is None or abs(nearest_ns - wanted_ns) > _MAX_OFFSET_NS:
            return None
        return self._kept[nearest_ns]

    def _is_forgotten(self, wanted_ns: int) -> bool:
        forgotten_ns = self._forgotten_ns
        return forgotten_ns is not None and wanted_ns <= forgotten_ns + _MAX_OFFSET_NS

    def _why_none(self, wanted_ns: int) -> str:
        if self._is_forgotten(wanted_ns):
            age_s, kept_s = (
                (max(self._kept) - ns) / SECOND_NS for ns in (wanted_ns, min(self._kept))
            )
            return (
                f'the image is {age_s:.2f} s older than the newest depth image, and only the last '
                f'{kept_s:.2f} s of them are kept: it takes too long from image to mask (use a '
                'smaller input.size_wh or a faster backend), or the two have different clocks'
            )
        off_ms = min((s - wanted_ns for s in self._kept), key=abs) / 1e6
        return (
            f'the nearest depth image is {off_ms:+.0f} ms from the image, more than '
            f'{_MAX_OFFSET_NS / 1e6:.0f} ms: synchronise the two'
        )


def depth_to_meters(
    message: Image, image_wh: tuple[int, int], mask_wh: tuple[int, int]
) -> DepthArray:
    """Return a depth image as float32 (H, W) metres of the mask's size; 0 is unknown (REP 118).

    :param message: 16UC1 in millimetres or 32FC1 in metres.
    :param image_wh: size of the colour image that it is registered to, pixels.
    :param mask_wh: size to return, pixels.
    :raises ImageError: if it has another encoding or size, its fields contradict each other, or
        no pixel has a depth: such a camera sees no more than a silent one.
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
    try:
        pixels = raw_view(message, dtype, 1)[..., 0]
    except ImageError as error:
        raise ImageError('depth', f'depth image: {error}') from error
    if mask_wh != image_wh:
        # Nearest, because there is nothing between two depths.
        native = np.ascontiguousarray(pixels, dtype.newbyteorder('='))
        pixels = cv2.resize(native, mask_wh, interpolation=cv2.INTER_NEAREST_EXACT)  # type: ignore[assignment]
    depth_m = np.multiply(pixels, np.float32(scale), dtype=np.float32)
    with np.errstate(invalid='ignore'):  # NaN is no depth
        if not np.any((depth_m > 0) & (depth_m < np.inf)):
            raise ImageError('depth', 'no pixel of the depth image has a depth: is it covered?')
    return depth_m
