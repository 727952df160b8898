from __future__ import annotations

import numpy as np

from espnet_ros.core.labels import UNLABELED
from espnet_ros.network.training.augment import random_view
from espnet_ros.network.training.datasets import Sample


def sample() -> Sample:
    """Left half dark and class 0, right half bright and class 1, void strip at the bottom."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, 40:] = 255
    truth = np.zeros((60, 80), np.uint8)
    truth[:, 40:] = 1
    truth[55:] = UNLABELED
    return Sample('halves', image, truth)


def test_truth_follows_the_image() -> None:
    agree = []
    for seed in range(20):
        image, truth, _ = random_view(sample(), (48, 32), np.random.default_rng(seed))
        assert image.shape == (32, 48, 3) and image.dtype == np.uint8
        assert truth.shape == (32, 48) and set(np.unique(truth)) <= {0, 1, UNLABELED}
        gray = image.mean(2)
        dark, bright = gray[truth == 0], gray[truth == 1]
        if len(dark) > 50 and len(bright) > 50:
            agree.append(np.median(bright) > np.median(dark))
    assert len(agree) > 5 and all(agree)


def test_a_seed_gives_one_view() -> None:
    first, again = (random_view(sample(), (48, 32), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def test_both_mirrorings_occur() -> None:
    bright_left = set()
    for seed in range(30):
        _, truth, _ = random_view(sample(), (48, 32), np.random.default_rng(seed))
        columns = [np.flatnonzero((truth == c).any(0)) for c in (0, 1)]
        if all(len(c) for c in columns):
            bright_left.add(bool(columns[1].mean() < columns[0].mean()))
    assert bright_left == {False, True}
