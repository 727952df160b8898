"""Biases of classes, of pixels whose best biases are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.core.class_bias import ScoredPixels, fit_class_bias
from espnet_ros.core.errors import DatasetError

NONE = np.zeros(3)


def pixels(*rows: tuple[int, float, int], repeat: int = 1) -> ScoredPixels:
    """Return pixels of three classes: truth, by how much class 0 leads class 1, and how many.

    Class 2 is far behind both.
    """
    leads = np.concatenate([np.full(count, lead) for _, lead, count in rows])
    truth = np.concatenate([np.full(count, truth) for truth, _, count in rows])
    logits = np.stack([leads, np.zeros_like(leads), np.full_like(leads, -9.0)], 1)
    return ScoredPixels(
        np.tile(logits, (repeat, 1)).astype(np.float32),
        np.tile(truth, repeat).astype(np.uint8),
    )


# Class 1 is short by 0.6 where it is the truth; 0.8 of a lead are right.
SHORT = ((0, 2.0, 4), (0, 0.8, 1), (1, 0.6, 2), (1, -1.0, 2))


def test_a_class_that_is_short_gets_what_it_lacks() -> None:
    found = fit_class_bias([pixels(*SHORT, repeat=2)])
    # Above 0.6 and below 0.8 of a difference all nine are right.
    assert 0.6 < found.bias[1] - found.bias[0] < 0.8
    assert found.bias[2] == 0.0  # never the truth
    # Without: class 0 has 5 of 7, class 1 has 2 of 4.
    assert found.miou_before == found.unseen_before == pytest.approx((5 / 7 + 2 / 4) / 2)
    assert found.miou_after == found.unseen_after == 1.0
    assert str(found) == (
        'class mIoU 60.71 -> 100.00; fitted on one half of the images, on the other 60.71 -> '
        '100.00'
    )


def test_what_does_not_help_on_the_other_half_is_no_bias() -> None:
    # Class 1 is short by 0.6 in the first half and that much too strong in the second one.
    first = ((0, 2.0, 3), (1, 0.6, 2), (1, -0.5, 1), (1, -2.0, 1))
    second = ((0, 2.0, 1), (0, 0.5, 2), (0, -0.6, 2), (1, -2.0, 2))
    found = fit_class_bias([pixels(*first, *second)])
    # Class 0 has 3 of 5 and class 1 has 2 of 4 in each; with the other half's biases the first has
    # 3 of 6 and 1 of 4, the second 1 of 5 and 2 of 6.
    assert found.unseen_before == pytest.approx((3 / 5 + 2 / 4) / 2)
    assert found.unseen_after == pytest.approx((3 / 6 + 1 / 4 + 1 / 5 + 2 / 6) / 4)
    assert not found.bias.any()
    assert found.miou_after == found.miou_before
    assert str(found).endswith(': no bias is used')


def test_datasets_count_alike_whatever_their_size() -> None:
    # Of the small one class 1 is short by 0.6; of the large one a bias of 0.6 costs a little.
    large = ((0, 2.0, 400), (0, 0.3, 4), (1, -1.0, 400))
    alone = fit_class_bias([pixels(*large, repeat=2)])
    assert not alone.bias.any()
    small = pixels(*SHORT, repeat=2)
    both = fit_class_bias([small, pixels(*large, repeat=2)])
    assert 0.6 < both.bias[1] - both.bias[0] < 0.8
    # 800 of 808 in class 0, 800 of 808 in class 1.
    assert both.miou_after == pytest.approx((1.0 + (400 / 404 + 400 / 404) / 2) / 2)


def test_no_bias_grows_without_end() -> None:
    # Class 1 has all of its pixels from a bias of 50 on, and 5 of 8 from 0.9 on.
    rows = ((0, 60.0, 4), (1, 0.9, 3), (1, 50.0, 3), (1, -1.0, 2))
    found = fit_class_bias([pixels(*rows, repeat=2)])
    assert np.abs(found.bias).max() <= 1.0
    assert found.miou_after == pytest.approx((4 / 7 + 5 / 8) / 2)


def test_the_mask_of_one_moved_class_is_that_of_all_scores() -> None:
    rng = np.random.default_rng(0)
    some = ScoredPixels(
        rng.normal(size=(500, 3)).astype(np.float32), rng.integers(0, 3, 500).astype(np.uint8)
    )
    bias = np.array([0.5, -0.25, 0.75])
    moved = bias.copy()
    moved[1] = 1.0
    assert some.mious_of(1, bias)(1.0) == some.miou(moved)
    assert some.miou(moved) != some.miou(bias)


def test_without_pixels_there_is_nothing_to_fit() -> None:
    nothing = ScoredPixels(np.zeros((0, 3), np.float32), np.zeros(0, np.uint8))
    for datasets in ([], [nothing], [pixels(*SHORT), nothing]):
        with pytest.raises(DatasetError, match='need pixels whose class is known, got none'):
            fit_class_bias(datasets)
