from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.core.metrics import ConfusionMatrix, percent

# truth 0: 6 px (5 found, 1 called 1); truth 1: 3 px (2 found, 1 called 0); void: 1 px, called 1.
TRUTH = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 255]], np.uint8)
MASK = np.array([[0, 0, 0, 0, 0], [1, 1, 1, 0, 1]], np.uint8)


def matrix() -> ConfusionMatrix:
    out = ConfusionMatrix(3)
    out.update(MASK, TRUTH)
    return out


def test_iou_ignores_void_truth() -> None:
    np.testing.assert_allclose(matrix().iou(), [5 / 7, 2 / 4, np.nan])
    assert matrix().miou() == pytest.approx((5 / 7 + 2 / 4) / 2)


def test_void_truth_as_false_positive_lowers_only_what_was_predicted_there() -> None:
    np.testing.assert_allclose(matrix().iou(void_as_error=True), [5 / 7, 2 / 5, np.nan])


def test_unlabeled_prediction_is_a_miss() -> None:
    out = ConfusionMatrix(2)
    out.update(np.array([[0, 255, 255, 1]], np.uint8), np.array([[0, 0, 255, 1]], np.uint8))
    np.testing.assert_allclose(out.iou(), [1 / 2, 1])
    assert out.pixel_accuracy() == pytest.approx(2 / 3)


def test_updates_add_up() -> None:
    twice = matrix()
    twice.update(MASK, TRUTH)
    np.testing.assert_array_equal(twice.counts, 2 * matrix().counts)


def test_nothing_seen_is_nan_not_zero() -> None:
    assert np.isnan(ConfusionMatrix(3).miou())
    assert np.isnan(ConfusionMatrix(3).pixel_accuracy())


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r'\(2, 5\).*\(5, 2\)'):
        ConfusionMatrix(3).update(MASK, TRUTH.T)


def test_class_accuracy_is_the_share_found() -> None:
    np.testing.assert_allclose(matrix().class_accuracy(), [5 / 6, 2 / 3, np.nan])


def test_merged_classes_forgive_each_other_and_keep_void() -> None:
    # Classes 0 and 1 become group 1, class 2 group 0: all 9 known pixels are right.
    merged = matrix().merged([1, 1, 0])
    assert merged.classes == 2
    np.testing.assert_allclose(merged.iou(), [np.nan, 1])
    np.testing.assert_allclose(merged.iou(void_as_error=True), [np.nan, 9 / 10])
    np.testing.assert_array_equal(matrix().merged([0, 1, 2]).counts, matrix().counts)


def test_shares_are_said_in_percent():
    assert percent(0.55649) == '55.65'
    assert percent(0.5, ' %') == '50.00 %'
    assert percent(None, ' %') == 'unknown'
