"""Images as they would look in other light, or from another lens or sensor.

They test a model beyond the conditions that it was trained in. Each has one strength, as in
Hendrycks and Dietterich: Benchmarking neural network robustness to common corruptions
and perturbations, ICLR 2019. The truth of an image stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import UInt8Array

Corruption = Callable[[UInt8Array, np.random.Generator], npt.NDArray[Any]]

GAMMA = 2.0
CONTRAST = 0.5
TINT_BGR = np.array([1.25, 1.0, 0.8])
BLUR_SIGMA_PX = 1.5
NOISE_STD = 12.0
JPEG_QUALITY = 15


def _gamma(image: UInt8Array, gamma: float) -> npt.NDArray[np.float64]:
    return np.asarray(255.0 * (image / 255.0) ** gamma)


def _jpeg(image: UInt8Array) -> UInt8Array:
    coded = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


# Name -> function of a uint8 (H, W, 3) BGR image; the result is yet to be rounded and clipped.
CORRUPTIONS: dict[str, Corruption] = {
    'darker': lambda image, _: _gamma(image, GAMMA),
    'brighter': lambda image, _: _gamma(image, 1 / GAMMA),
    'less contrast': lambda image, _: image.mean() + (image - image.mean()) * CONTRAST,
    'bluer': lambda image, _: image * TINT_BGR,
    'redder': lambda image, _: image * TINT_BGR[::-1],
    'blurred': lambda image, _: cv2.GaussianBlur(image, (0, 0), BLUR_SIGMA_PX),
    'noisy': lambda image, rng: image + rng.normal(0.0, NOISE_STD, image.shape),
    'compressed': lambda image, _: _jpeg(image),
}


def corrupt(image: UInt8Array, name: str, rng: np.random.Generator) -> UInt8Array:
    """Return a corrupted image of the same size.

    :param image: uint8 (H, W, 3) BGR.
    :param name: one of `CORRUPTIONS`.
    :param rng: for random corruptions.
    """
    return np.clip(np.rint(CORRUPTIONS[name](image, rng)), 0, 255).astype(np.uint8)
