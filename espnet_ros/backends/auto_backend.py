"""`backend: auto`: the best backend that works, and the next one when it fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from espnet_ros.backends.base import Backend
from espnet_ros.backends.error_frames import clear_frames
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import DeviceError, EspnetRosError
from espnet_ros.core.inference import PRECISIONS

log = logging.getLogger('espnet_ros.backends')


class AutoBackend(Backend):
    """Runs the first of several backends that works; logs when it switches to the next.

    It switches when a backend can't be loaded or fails at its first images (for which TensorRT
    builds its engine), and later when a device runs out of memory or is lost. A backend chosen by
    name fails instead, because its user wants to know. When no candidate is left, each image
    fails with the error of the last one.

    :param candidates: backends of one model, best first, at least one; not entered yet.
    """

    device_kinds = ('cpu', 'cuda')
    precisions = PRECISIONS

    def __init__(self, candidates: Sequence[Backend]) -> None:
        first = candidates[0]
        super().__init__(first.bundle)
        self._candidates = candidates
        self.name = first.name
        self._current: Backend | None = None
        self._left: list[Backend] = []
        self._has_run = False
        # Why the last candidate could not be loaded.
        self._failure: EspnetRosError | None = None

    def upload(self, images: UInt8Array) -> bool:
        """Bring images to the device of the current backend."""
        return self._current is not None and self._current.upload(images)

    def _load(self, device: str, precision: str) -> tuple[str, str]:
        self._left = list(self._candidates)
        self._next()
        return self.device, self.precision

    def _infer(self, images: UInt8Array) -> tuple[Any, Any]:
        while True:
            if self._current is None:
                assert self._failure is not None
                # Else the traceback would grow by this line with each image.
                raise self._failure.with_traceback(None)
            try:
                answer = self._current._infer(images)
            except Exception as error:
                lost = isinstance(error, DeviceError) or not self._has_run
                if not lost or not self._left:
                    raise
                self._move_on(self._current, error)
                self._next()
            else:
                self._has_run = True
                return answer

    def _free(self) -> None:
        self._leave()
        self._failure = None
        self.name = self._candidates[0].name

    def _next(self) -> None:
        """Enter the next backend that can be loaded."""
        self._leave()
        while True:
            candidate = self._left.pop(0)
            candidate.on_progress, candidate.threads = self.on_progress, self.threads
            try:
                candidate.__enter__()
            except EspnetRosError as error:
                if not self._left:
                    self._failure = error
                    raise
                self._move_on(candidate, error)
                continue
            self._current, self._has_run = candidate, False
            self.name, self.device = candidate.name, candidate.device
            self.precision = candidate.precision
            return

    def _move_on(self, failed: Backend, error: Exception) -> None:
        log.warning(
            'backend auto switches to %s, because %s on %s failed: %s',
            self._left[0].name, failed.name, failed.device, error,
        )  # fmt: skip
        # The frames hold device memory that the next backend may need.
        clear_frames(error)

    def _leave(self) -> None:
        if self._current is not None:
            self._current.__exit__(None, None, None)
            self._current = None
