"""How much the results of one backend differ from those of another."""

from __future__ import annotations

from typing import Any

import numpy as np

from espnet_ros.core.arrays import UInt8Array

# Precision -> the share of equal pixels that is required if no threshold is given. In int8,
# models that lost less than the allowed point of class mIoU kept 98.3 to 99.4 %, and one that lost
# three points kept 95.7 % (docs/tensorrt.md, docs/cpu_speed.md).
THRESHOLDS = {'f32': 0.999, 'bf16': 0.997, 'f16': 0.997, 'int8': 0.98}


def equal_share(mask: UInt8Array, reference: UInt8Array) -> float:
    """Return the share of equal pixels, 0..1.

    :param mask: uint8, any shape.
    :param reference: uint8, the same shape.
    :raises ValueError: if the shapes differ.
    """
    if mask.shape != reference.shape:
        raise ValueError(f'mask {mask.shape} and reference {reference.shape} differ in shape')
    return float(np.mean(mask == reference))


class Agreement:
    """Agreement of masks and confidences over any number of images, in constant memory."""

    def __init__(self) -> None:
        self._shares: dict[str, float] = {}
        self._equal = self._pixels = 0
        self._errors = np.zeros(256, np.int64)  # pixels by confidence error in 1/255

    def update(
        self,
        name: str,
        mask: UInt8Array,
        confidence: UInt8Array,
        reference_mask: UInt8Array,
        reference_confidence: UInt8Array,
    ) -> None:
        """Add an image.

        :param name: of the image.
        :param mask: uint8 (H, W) class_id; the other arrays are uint8 (H, W), too.
        """
        self._shares[name] = equal_share(mask, reference_mask)
        self._equal += int(np.count_nonzero(mask == reference_mask))
        self._pixels += mask.size
        error = np.abs(confidence.astype(np.int16) - reference_confidence.astype(np.int16))
        self._errors += np.bincount(error.ravel(), minlength=256)

    def figures(self) -> dict[str, Any]:
        """Return ``mask_agreement`` (0..1), ``confidence_error`` (0..1) and the worst image.

        The p99 is the smallest error that at least 99 % of the pixels do not exceed.
        """
        levels = np.arange(256)
        share_up_to = np.cumsum(self._errors) / self._pixels
        worst = min(self._shares, key=lambda name: self._shares[name])
        errors = {
            'mean': float(self._errors @ levels) / self._pixels / 255,
            'p99': float(np.searchsorted(share_up_to, 0.99 - 1e-12)) / 255,
            'max': float(levels[self._errors > 0].max()) / 255,
        }
        return {
            'mask_agreement': self._equal / self._pixels,
            'confidence_error': {name: round(value, 6) for name, value in errors.items()},
            'worst_image': worst,
            'worst_image_agreement': self._shares[worst],
            'images': dict(self._shares),
        }
