"""From a colour image to a mask: the central operation of the project."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import cv2
import numpy as np

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.color_image import ColorImage
from espnet_ros.core.errors import ImageError
from espnet_ros.core.labels import UNLABELED, Labels
from espnet_ros.core.resize import mask_at


class Inferrer(Protocol):
    """What the pipeline needs from a backend."""

    def infer(self, images: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
        """Return masks and confidences, uint8 (N, H, W), of images, uint8 (N, H, W, 3) BGR."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The class and confidence of each pixel.

    :param mask: class_id, uint8 (H, W); UNLABELED if the model says void or is not sure enough.
    :param network_confidence: round(255 * probability of the class), uint8, of the network's size.
    :param stage_ms: milliseconds spent in ``resize`` and ``infer``, for all images segmented
        together, and in ``post``, for this one.
    """

    mask: UInt8Array
    network_confidence: UInt8Array
    stage_ms: dict[str, float]

    @cached_property
    def confidence(self) -> UInt8Array:
        """Return the confidence at the size of the mask, uint8 (H, W)."""
        # Computed on demand, so that the mask need not wait for it.
        return mask_at(self.network_confidence, (self.mask.shape[1], self.mask.shape[0]))


class Segmenter:
    """Segments images of any size.

    :param backend: a loaded backend.
    :param labels: the classes of its model.
    :param size_wh: size of the network input in pixels.
    :param mask_size: ``image`` for masks of the image's size, ``network`` for ``size_wh``.
    :param min_confidence: pixels with a probability (0..1) below this are UNLABELED.
    """

    def __init__(
        self,
        backend: Inferrer,
        labels: Labels,
        size_wh: tuple[int, int],
        mask_size: str = 'image',
        min_confidence: float = 0.0,
    ) -> None:
        self._backend = backend
        self._lut = labels.mask_lut
        self._size_wh = size_wh
        self._resize_back = mask_size == 'image'
        self._min_level = round(255 * min_confidence)

    def segment(self, image_bgr: UInt8Array) -> Segmentation:
        """Return the mask of an image.

        :param image_bgr: uint8 (H, W, 3).
        :raises ImageError: if the array is not such an image.
        :raises BackendError: if the backend can't infer it.
        """
        _check(image_bgr)
        return self.segment_together([ColorImage(image_bgr)])[0]

    def segment_together(self, images: Sequence[ColorImage]) -> list[Segmentation]:
        """Return the masks of images; only the resized network inputs are converted to BGR.

        :param images: at least one, of any sizes; the network gets them as one batch.
        :raises BackendError: if the backend can't infer them.
        """
        start = time.perf_counter()
        batch = _stack([_upright(image, self._size_wh) for image in images])
        resized = time.perf_counter()
        masks, confidences = self._backend.infer(batch)
        shared_ms = {
            'resize': (resized - start) * 1e3,
            'infer': (time.perf_counter() - resized) * 1e3,
        }
        return [
            self._finish(mask, confidence, image, shared_ms)
            for mask, confidence, image in zip(masks, confidences, images, strict=True)
        ]

    def _finish(
        self,
        network_mask: UInt8Array,
        confidence: UInt8Array,
        image: ColorImage,
        shared_ms: dict[str, float],
    ) -> Segmentation:
        start = time.perf_counter()
        if image.upside_down:
            # While they are small; after the resize, only ties between two pixels would differ.
            network_mask, confidence = _turned(network_mask), _turned(confidence)
        mask: UInt8Array = cv2.LUT(network_mask, self._lut)  # type: ignore[assignment]
        if self._min_level > 0:
            mask[confidence < self._min_level] = UNLABELED
        if self._resize_back:
            mask = mask_at(mask, image.size_wh)
        post_ms = (time.perf_counter() - start) * 1e3
        return Segmentation(mask, confidence, {**shared_ms, 'post': post_ms})


def _upright(image: ColorImage, size_wh: tuple[int, int]) -> UInt8Array:
    """Return the network input for an image, uint8 (h, w, 3) BGR."""
    pixels = image.resized(size_wh)
    return _turned(pixels) if image.upside_down else pixels


def _turned(pixels: UInt8Array) -> UInt8Array:
    """Return an image, mask or confidence turned by 180 degrees."""
    return np.asarray(cv2.flip(pixels, -1), np.uint8)


def _stack(images: list[UInt8Array]) -> UInt8Array:
    # For one image, a view is enough.
    return np.ascontiguousarray(images[0])[None] if len(images) == 1 else np.stack(images)


def _check(image_bgr: Any) -> None:
    shape = getattr(image_bgr, 'shape', None)
    dtype = getattr(image_bgr, 'dtype', type(image_bgr).__name__)
    if shape is None or len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype != np.uint8:
        raise ImageError(
            'array', f'expected an image uint8 (H, W, 3) BGR, got {dtype} of shape {shape}'
        )
