"""Segmentation metrics from a confusion matrix of pixels, and shares as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class ConfusionMatrix:
    """Counts of (truth, prediction) pairs over any number of images.

    Void truth (UNLABELED) has a row of its own, so that both conventions can be computed: it is
    ignored, or counts as false positives of the predicted class (the ESPNet paper's).

    :param classes: number of classes C.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counts: npt.NDArray[np.int64] = np.zeros((classes + 1, classes + 1), np.int64)

    def update(self, mask: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> None:
        """Count one image or a batch.

        :param mask: predicted class_id, uint8, any shape; ids without a class count as void.
        :param truth: class_id or UNLABELED, uint8, same shape.
        :raises ValueError: if the shapes differ.
        """
        if mask.shape != truth.shape:
            raise ValueError(f'mask {mask.shape} and truth {truth.shape} must have one shape')
        side = self.classes + 1
        rows = np.minimum(truth, self.classes).ravel().astype(np.int64)
        columns = np.minimum(mask, self.classes).ravel()
        self.counts += np.bincount(rows * side + columns, minlength=side * side).reshape(side, -1)

    def iou(self, void_as_error: bool = False) -> npt.NDArray[np.float64]:
        """Return the intersection over union of each class, (C,), NaN for one never seen.

        :param void_as_error: count predictions on void truth as false positives.
        """
        counts = self.counts[: self.classes]
        hits = np.diag(counts[:, : self.classes]).astype(np.float64)
        predicted = (self.counts if void_as_error else counts).sum(0)[: self.classes]
        union = counts.sum(1) + predicted - hits
        seen = counts.sum(1) > 0
        out: npt.NDArray[np.float64] = np.where(seen, hits / np.maximum(union, 1), np.nan)
        return out

    def miou(self, void_as_error: bool = False) -> float:
        """Return the mean of `iou` over the classes that occur in the truth, NaN if none does."""
        iou = self.iou(void_as_error)
        return float(np.nanmean(iou)) if np.isfinite(iou).any() else float('nan')

    def pixel_accuracy(self) -> float:
        """Return the share of non-void pixels with the right class, NaN if there are none."""
        counts = self.counts[: self.classes]
        total = counts.sum()
        return float(np.diag(counts).sum() / total) if total else float('nan')

    def class_accuracy(self) -> npt.NDArray[np.float64]:
        """Return the share of each class's pixels that are found, (C,), NaN for one never seen."""
        counts = self.counts[: self.classes]
        total = counts.sum(1)
        hits = np.diag(counts[:, : self.classes])
        out: npt.NDArray[np.float64] = np.where(total > 0, hits / np.maximum(total, 1), np.nan)
        return out

    def merged(self, groups: Sequence[int]) -> ConfusionMatrix:
        """Return the matrix in which classes of one group are one class.

        :param groups: the group of each class, (C,), 0..G - 1.
        """
        merged = ConfusionMatrix(max(groups) + 1)
        target = np.array([*groups, merged.classes])
        np.add.at(merged.counts, (target[:, None], target[None, :]), self.counts)
        return merged


def percent(share: float | None, unit: str = '') -> str:
    """Return a share in percent as text, ``unknown`` if there is none.

    :param unit: appended to a figure, e.g. `` %``.
    """
    return 'unknown' if share is None else f'{100 * share:.2f}{unit}'
