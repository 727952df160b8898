"""The calibration error of a confidence, and the temperature that corrects it.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.labels import UNLABELED

LEVELS = 256
BINS = 15
# (LEVELS - 1) / BINS = 17 whole levels a bin: bin b holds the confidences in
# (b / 15, (b + 1) / 15], and the first bin also holds 0.
_BIN_OF_LEVEL = np.maximum((np.arange(LEVELS) + 16) // 17 - 1, 0)
TEMPERATURE_RANGE = (0.05, 20.0)


class Reliability:
    """Counts how many pixels of each confidence are right, over any number of images."""

    def __init__(self) -> None:
        # Row 0 counts the wrong pixels of each level, row 1 the right ones.
        self.counts: npt.NDArray[np.int64] = np.zeros((2, LEVELS), np.int64)

    def update(
        self,
        mask: npt.NDArray[np.uint8],
        confidence: npt.NDArray[np.uint8],
        truth: npt.NDArray[np.uint8],
    ) -> None:
        """Count the pixels whose truth is known; an UNLABELED prediction counts as wrong.

        :param mask: predicted class_id, uint8, any shape.
        :param confidence: round(255 * probability), uint8, same shape.
        :param truth: class_id or UNLABELED, uint8, same shape.
        """
        known = truth != UNLABELED
        key = (mask[known] == truth[known]) * np.int64(LEVELS) + confidence[known]
        self.counts += np.bincount(key, minlength=2 * LEVELS).reshape(2, LEVELS)

    def ece(self) -> float:
        """Return the expected calibration error over 15 equal bins, 0..1, NaN without pixels.

        It is the mean distance between a bin's mean confidence and its share of right pixels.
        """
        total = self.counts.sum()
        if not total:
            return float('nan')
        hits = np.bincount(_BIN_OF_LEVEL, self.counts[1], BINS)
        promised = self.counts.sum(0) * np.arange(LEVELS) / (LEVELS - 1)
        return float(np.abs(hits - np.bincount(_BIN_OF_LEVEL, promised, BINS)).sum() / total)


def fit_temperature(logits: npt.NDArray[Any], truth: npt.NDArray[Any]) -> float:
    """Return the T with the least calibration error of the confidence of softmax(logits / T).

    Guo et al. take the T of the greatest likelihood instead. That weighs the probabilities of all
    classes, while only the best one's is published, and it may make this error larger.

    :param logits: floating point (P, C), a row for each pixel.
    :param truth: class_id of each pixel, (P,), all known.
    :returns: within `TEMPERATURE_RANGE`.
    :raises DatasetError: if there is no pixel.
    """
    if not len(truth):
        raise DatasetError('the temperature needs pixels whose class is known, got none')
    lowest, highest = TEMPERATURE_RANGE
    coarse = np.geomspace(lowest, highest, 31)
    step = coarse[1] / coarse[0]

    def error(temperature: float) -> tuple[float, float]:
        # Of equally good ones, take the nearest to 1.
        return calibration_error(logits, truth, temperature), abs(float(np.log(temperature)))

    near = min(coarse, key=error)
    fine = np.clip(np.geomspace(near / step, near * step, 21), lowest, highest)
    return round(float(min(fine, key=error)), 4)


def calibration_error(
    logits: npt.NDArray[Any], truth: npt.NDArray[Any], temperature: float
) -> float:
    """Return the expected calibration error of softmax(logits / temperature), 0..1.

    :param logits: floating point (P, C).
    :param truth: class_id of each pixel, (P,), all known.
    """
    scores = (logits - logits.max(1, keepdims=True)) / temperature
    confidence = np.round(255 / np.exp(scores).sum(1)).astype(np.uint8)
    reliability = Reliability()
    reliability.update(logits.argmax(1).astype(np.uint8), confidence, truth.astype(np.uint8))
    return reliability.ece()
