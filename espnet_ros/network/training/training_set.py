"""What a run learns from, and the statistics of it that the first epoch needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from espnet_ros.core.errors import DatasetError
from espnet_ros.network.training.datasets import (
    Sample,
    channel_statistics,
    class_frequencies,
)
from espnet_ros.network.training.recipe import Recipe


class TrainingSet:
    """The samples of all datasets, and their statistics.

    The statistics count all samples, also those that an epoch does not draw, because a draw with
    few labels is no lack of labels. Each dataset is weighted by its share of an epoch.

    :ivar samples: of all datasets, one after the other.
    :ivar sizes: of the datasets.
    :ivar frequencies: each class's share of the labelled pixels, float64 (C,).
    :ivar mean: of each channel, BGR, in 0..255.
    :ivar std: of each channel, BGR, in 0..255.
    :param datasets: to learn from.
    :param recipe: has the batch size and how many samples of each dataset an epoch sees.
    :param classes: their number.
    :raises DatasetError: if an epoch has fewer samples than a batch, or no sample has a labelled
        pixel.
    """

    def __init__(
        self, datasets: Sequence[Sequence[Sample]], recipe: Recipe, classes: int
    ) -> None:
        self.samples = [sample for samples in datasets for sample in samples]
        self.sizes = [len(samples) for samples in datasets]
        drawn = [recipe.drawn_of(size) for size in self.sizes]
        if sum(drawn) < recipe.batch:
            raise DatasetError(
                f'training needs at least {recipe.batch} training samples an epoch (one batch, '
                f'see --batch; --data or --taught names them), got {sum(drawn)}'
            )
        shares = [part / max(size, 1) for part, size in zip(drawn, self.sizes, strict=True)]
        weights = list(np.repeat(shares, self.sizes))
        self.frequencies = class_frequencies(self.samples, weights, classes)
        self.mean, self.std = channel_statistics(self.samples, weights)
