"""What is counted of the samples, by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from espnet_ros.core.errors import DatasetError
from espnet_ros.network.training.datasets import Sample
from espnet_ros.network.training.recipe import Recipe
from espnet_ros.network.training.training_set import TrainingSet

ALL = Recipe(batch=2)
TWO = dataclasses.replace(ALL, per_epoch=2)


def sample(level: int, class_id: int) -> Sample:
    """Return an image of which one half is brighter than the other by 100 levels."""
    image = np.full((5, 8, 3), level, np.uint8)
    image[:, 4:] += 100
    return Sample(f'{level}', image, np.full((5, 8), class_id, np.uint8))


def test_each_dataset_counts_by_its_share_of_an_epoch() -> None:
    datasets = [[sample(0, 0)] * 4, [sample(120, 1)] * 2]
    every = TrainingSet(datasets, ALL, 3)
    assert len(every.samples) == 6 and every.sizes == [4, 2]
    np.testing.assert_allclose(every.frequencies, [2 / 3, 1 / 3, 0])
    # Halves of 0 and 100, of 120 and 220: means of 50 and 170.
    assert every.mean == [90.0] * 3
    two = TrainingSet(datasets, TWO, 3)
    np.testing.assert_allclose(two.frequencies, [1 / 2, 1 / 2, 0])
    assert two.mean == [110.0] * 3
    # Within the halves and between the datasets: 50^2 + 60^2 = 78.1025^2.
    assert two.std == [78.1025] * 3
    assert (len(two.samples), two.sizes) == (6, [4, 2])


def test_labels_count_though_an_epoch_may_draw_none_of_them() -> None:
    sparse = [sample(0, 1), *[sample(0, 255)] * 39]
    for seed in range(5):
        found = TrainingSet([sparse], dataclasses.replace(TWO, seed=seed), 3)
        assert found.frequencies.tolist() == [0, 1, 0]
    with pytest.raises(DatasetError, match=r'no image of the training data .*\(39 looked at'):
        TrainingSet([sparse[1:]], TWO, 3)


def test_an_epoch_of_less_than_a_batch_is_refused() -> None:
    nine = [[sample(0, 0)] * 9]
    with pytest.raises(DatasetError, match=r'at least 10 training samples an epoch .*, got 9'):
        TrainingSet(nine, Recipe(batch=10), 1)
    with pytest.raises(DatasetError, match=r'at least 4 training samples an epoch .*, got 3'):
        TrainingSet(nine, Recipe(batch=4, per_epoch=3), 1)
