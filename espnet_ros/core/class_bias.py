"""A bias for each class that makes a mask find all classes as evenly well as possible.

On new images a network is less sure of some classes than of others, e.g. of poles before a facade.
A number added to the scores of a class moves the boundary between it and the others (Menon et al.:
Long-tail learning via logit adjustment, ICLR 2021, section 4.1: after training). The paper takes
the numbers from class frequencies; here they maximise the class mIoU on labelled images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.metrics import ConfusionMatrix, percent

Biases = npt.NDArray[np.float64]
# The values a bias may take; of equally good ones, the first is taken. Finer or larger values
# would overfit to the images at hand.
_VALUES = (0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1.0, -1.0)
_SWEEPS = 3


@dataclass(frozen=True, eq=False)
class ScoredPixels:
    """Pixels of one dataset, image after image, whose two halves are equally good samples.

    :param logits: floating point (P, C), a row for each pixel.
    :param truth: class_id of each pixel, uint8 (P,), all known.
    """

    logits: npt.NDArray[Any]
    truth: npt.NDArray[np.uint8]

    def halves(self) -> tuple[ScoredPixels, ScoredPixels]:
        """Return the first and second half, unmixed: neighbouring images of a drive are alike."""
        middle = len(self.truth) // 2
        return (
            ScoredPixels(self.logits[:middle], self.truth[:middle]),
            ScoredPixels(self.logits[middle:], self.truth[middle:]),
        )

    def miou(self, bias: Biases) -> float:
        """Return the class mIoU with a bias for each class, (C,)."""
        return self._miou((self.logits + bias.astype(self.logits.dtype)).argmax(1))

    def mious_of(self, class_id: int, bias: Biases) -> Callable[[float], float]:
        """Return the class mIoU as a function of the bias of one class, the others held fixed."""
        others = self.logits + bias.astype(self.logits.dtype)
        others[:, class_id] = -np.inf
        second = others.argmax(1)
        # The bias that the class needs to be the best.
        lack = others[np.arange(len(second)), second] - self.logits[:, class_id]
        return lambda own: self._miou(np.where(lack < own, class_id, second))

    def _miou(self, mask: npt.NDArray[np.int64]) -> float:
        matrix = ConfusionMatrix(self.logits.shape[1])
        matrix.update(mask.astype(np.uint8), self.truth)
        return matrix.miou()


@dataclass(frozen=True, eq=False)
class ClassBias:
    """The biases found, and what they gain.

    :param bias: (C,), all 0 if none helps on images that it was not fitted on.
    :param miou_before: class mIoU without biases, the mean over the datasets, 0..1.
    :param miou_after: the same with the biases fitted on all pixels.
    :param unseen_before: without biases, the mean over the halves of the datasets.
    :param unseen_after: the same with the biases fitted on the other half.
    """

    bias: Biases
    miou_before: float
    miou_after: float
    unseen_before: float
    unseen_after: float

    def __str__(self) -> str:
        return (
            f'class mIoU {percent(self.miou_before)} -> {percent(self.miou_after)}; fitted on one '
            f'half of the images, on the other {percent(self.unseen_before)} -> '
            f'{percent(self.unseen_after)}' + ('' if self.bias.any() else ': no bias is used')
        )


def fit_class_bias(datasets: Sequence[ScoredPixels]) -> ClassBias:
    """Find the biases with the greatest class mIoU, the mean over the datasets.

    :param datasets: with the same classes. Several from different places keep the biases from
        fitting one place only.
    :raises DatasetError: if a dataset has less than two pixels.
    """
    if not datasets or min(len(pixels.truth) for pixels in datasets) < 2:
        raise DatasetError('class biases need pixels whose class is known, got none')
    none = np.zeros(datasets[0].logits.shape[1])
    halves = list(zip(*(pixels.halves() for pixels in datasets), strict=True))
    unseen = [(halves[1], _search(halves[0])), (halves[0], _search(halves[1]))]
    before = float(np.mean([_mean_miou(half, none) for half, _ in unseen]))
    after = float(np.mean([_mean_miou(half, bias) for half, bias in unseen]))
    bias = _search(datasets) if after > before else none
    return ClassBias(
        bias, _mean_miou(datasets, none), _mean_miou(datasets, bias), before, after
    )


def _mean_miou(datasets: Sequence[ScoredPixels], bias: Biases) -> float:
    return float(np.mean([pixels.miou(bias) for pixels in datasets]))


def _search(datasets: Sequence[ScoredPixels]) -> Biases:
    bias = np.zeros(datasets[0].logits.shape[1])
    best = _mean_miou(datasets, bias)
    # Leave out classes without pixels: their bias could only do harm to other classes.
    shown = sorted({int(i) for pixels in datasets for i in np.unique(pixels.truth)})
    for i in shown * _SWEEPS:
        mious = [pixels.mious_of(i, bias) for pixels in datasets]
        means = [float(np.mean([of(value) for of in mious])) for value in _VALUES]
        # A bias that gains nothing stays as it is.
        if max(means) > best:
            best = max(means)
            bias[i] = _VALUES[means.index(best)]
    return bias
