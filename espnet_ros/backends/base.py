"""The contract of every backend: the base class checks once, a subclass only runs."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar

import numpy as np

from espnet_ros.backends.device import Device
from espnet_ros.backends.machine import processors
from espnet_ros.bundle import Bundle
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import (
    BackendError,
    BackendUnavailableError,
    DeviceError,
    EspnetRosError,
)
from espnet_ros.core.input_size import check_size_wh

# For how many batch shapes a backend keeps buffers and a compiled graph. A graph for one shape is
# several times as fast as one for all shapes, and takes tens of MB.
MAX_SHAPES = 4


def in_one_line(words: str) -> str:
    """Return a message of several lines in one."""
    return ' '.join(words.split())


class Backend(ABC):
    """Runs the deployment graph of a model in one library, as a context manager.

    One thread uses a backend at a time. What `infer` returns stays valid after the next call.

    :param bundle: the model.
    :param device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    :param precision: ``auto``, ``f32``, ``bf16``, ``f16`` or ``int8``.
    :raises BackendUnavailableError: on entering, if library, device or precision is unavailable.
    """

    name: str
    # What the library supports; entering checks whether this machine supports it, too.
    device_kinds: ClassVar[tuple[str, ...]]
    precisions: ClassVar[tuple[str, ...]]
    # Finds the missing operators, separated by commas, in the library's error message on a graph.
    no_operators: ClassVar[re.Pattern[str] | None] = None

    def __init__(self, bundle: Bundle, device: str = 'auto', precision: str = 'auto') -> None:
        self.bundle = bundle
        # As requested until entered, then as resolved: 'CPU (AMD EPYC)', 'bf16'.
        self.device = device
        self.precision = precision
        # Called with a sentence, from any thread, during a long load or first `infer`.
        self.on_progress: Callable[[str], None] | None = None
        # How many threads compute on the processor, from the next entering on; 0 is one for each
        # processor.
        self.threads = 0
        self._asked = (device, precision)
        self._active = False

    def __enter__(self) -> Backend:
        self.check_asked()
        device, precision = self._asked
        try:
            self.device, self.precision = self._load(device, precision)
        except EspnetRosError:
            self._free()
            raise
        except Exception as error:
            self._free()
            raise BackendError(self._load_problem(str(error))) from error
        self._active = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._active = False
        self.device, self.precision = self._asked
        self._free()

    @property
    def computing_threads(self) -> int:
        """Return `threads`, at most and by default one for each processor."""
        return min(self.threads or processors(), processors())

    def check_asked(self) -> None:
        """Refuse a device or precision that the library supports on no machine.

        :raises BackendUnavailableError: naming those that it supports.
        """
        device, precision = self._asked
        if Device.parse(device).kind not in ('auto', *self.device_kinds):
            raise BackendUnavailableError(
                f'backend {self.name} runs on {" or ".join(self.device_kinds)}, not on {device!r}'
            )
        if precision not in ('auto', *self.precisions):
            raise BackendUnavailableError(
                f'backend {self.name} computes in {" or ".join(self.precisions)}, not in '
                f'{precision!r}'
            )

    def infer(self, images: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
        """Segment images.

        :param images: uint8 (N, H, W, 3) BGR, H and W multiples of 8.
        :return: mask uint8 (N, H, W) of the model's class ids (void included), and confidence
            uint8 (N, H, W) = round(255 * max softmax).
        :raises BackendError: if the backend is not entered, `images` is something else, or the
            library fails; a `DeviceError` if its device ran out of memory or is lost.
        """
        if not self._active:
            raise BackendError(
                f'backend {self.name} is not active: use it in a with statement, '
                '`with create_backend(...) as backend: backend.infer(images)`'
            )
        _check_images(images)
        try:
            mask, confidence = self._infer(np.ascontiguousarray(images))
        except Exception as error:
            kind = DeviceError if isinstance(error, DeviceError) else BackendError
            raise kind(
                f'backend {self.name} failed on images of {images.shape[2]}x{images.shape[1]} in '
                f'a batch of {images.shape[0]}: {in_one_line(str(error))}'
            ) from error
        self._check_output('mask', mask, images)
        self._check_output('confidence', confidence, images)
        if int(mask.max()) >= len(self.bundle.labels):
            raise BackendError(
                f'backend {self.name} gave class id {int(mask.max())}, but model '
                f'{self.bundle.name} names {len(self.bundle.labels)} classes: the files of the '
                'model folder do not match, write it again with `espnet_ros export`'
            )
        return mask, confidence

    def warm_up(self, size_wh: tuple[int, int], batch: int = 1) -> None:
        """Run once on black images, so that the first real one is not the slow one.

        :param size_wh: width and height, multiples of 8.
        :param batch: how many images a call will have.
        """
        width, height = size_wh
        self.infer(np.zeros((batch, height, width, 3), np.uint8))

    @property
    def gains_by_batches(self) -> bool:
        """Return whether a batch costs less than its images one by one; ask after entering.

        So small a network leaves much of a GPU idle on a single image, but not a processor.
        """
        return self.device.startswith('cuda')

    def upload(self, images: UInt8Array) -> bool:
        """Copy images to the device and do nothing else; `infer` does this itself, too.

        :param images: contiguous, of a shape that `infer` has run before.
        :return: whether they were copied; False if the backend needs no copy or the library
            makes it.
        """
        return False

    @abstractmethod
    def _load(self, device: str, precision: str) -> tuple[str, str]:
        """Load library and model; return device and precision as resolved."""

    @abstractmethod
    def _infer(self, images: UInt8Array) -> tuple[Any, Any]:
        """Run on contiguous uint8 (N, H, W, 3); return arrays that own their memory."""

    @abstractmethod
    def _free(self) -> None:
        """Free what `_load` and `_infer` made."""

    def _load_problem(self, words: str) -> str:
        lists = self.no_operators.findall(words) if self.no_operators else []
        operators = dict.fromkeys(name for names in lists for name in names.split(', '))
        if operators:
            return (
                f'backend {self.name} has no operator {" or ".join(operators)}, which the ONNX '
                f'file of model {self.bundle.name} needs: write the model folder again with '
                '`espnet_ros export`, or choose backend torch, which does not use that file'
            )
        return (
            f'backend {self.name} could not load model {self.bundle.name}: {in_one_line(words)}'
        )

    def _check_output(self, what: str, array: Any, images: UInt8Array) -> None:
        expected = images.shape[:3]
        if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.shape != expected:
            raise BackendError(
                f'backend {self.name} must give the {what} as uint8 {expected}, but gave '
                f'{_describe(array)}: the model was not made by `espnet_ros export`'
            )


def _check_images(images: Any) -> None:
    good = isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 4
    if not good or images.shape[3] != 3 or images.shape[0] < 1:
        raise BackendError(
            'images must be a uint8 array of shape (N, H, W, 3) in BGR with N >= 1, got '
            f'{_describe(images)}'
        )
    check_size_wh((images.shape[2], images.shape[1]))


def _describe(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f'{value.dtype} {value.shape}'
    return f'a {type(value).__name__}'
