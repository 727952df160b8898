from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.core.confidence import Reliability, calibration_error, fit_temperature
from espnet_ros.core.errors import DatasetError

# Four known pixels of confidence 204 (0.8, bin 12), three of them right; two of confidence 51
# (0.2, bin 3), one right; one void pixel that must not count.
MASK = np.array([[0, 1, 1, 2, 0, 0, 0]], np.uint8)
TRUTH = np.array([[0, 1, 1, 1, 0, 1, 255]], np.uint8)
CONFIDENCE = np.array([[204, 204, 204, 204, 51, 51, 255]], np.uint8)


def reliability() -> Reliability:
    found = Reliability()
    found.update(MASK, CONFIDENCE, TRUTH)
    return found


def test_ece_by_hand() -> None:
    # |3/4 - 0.8| * 4/6 + |1/2 - 0.2| * 2/6
    assert reliability().ece() == pytest.approx((4 * 0.05 + 2 * 0.3) / 6)


def test_images_add_up() -> None:
    twice = reliability()
    twice.update(MASK, CONFIDENCE, TRUTH)
    np.testing.assert_array_equal(twice.counts, 2 * reliability().counts)
    assert twice.ece() == pytest.approx(reliability().ece())


def test_opposite_errors_cancel_within_a_bin_only() -> None:
    # Levels 18 and 34 share the bin (1/15, 2/15], level 17 = 1/15 belongs to the one below.
    mask, truth = np.zeros((1, 4), np.uint8), np.array([[0, 1, 1, 1]], np.uint8)
    found = Reliability()
    found.update(mask, np.array([[34, 18, 18, 34]], np.uint8), truth)
    assert found.ece() == pytest.approx(abs(1 - (34 + 18 + 18 + 34) / 255) / 4)
    found = Reliability()
    found.update(mask, np.array([[34, 17, 17, 17]], np.uint8), truth)
    assert found.ece() == pytest.approx((abs(1 - 34 / 255) + 3 * 17 / 255) / 4)


def test_an_unlabeled_prediction_on_known_truth_is_wrong() -> None:
    found = Reliability()
    found.update(np.array([255], np.uint8), np.array([255], np.uint8), np.array([3], np.uint8))
    assert found.ece() == pytest.approx(1)


def test_no_pixel_has_no_error() -> None:
    assert np.isnan(Reliability().ece())


def overconfident(temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Return logits `temperature` times those by whose softmax the truth was drawn."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 3)).astype(np.float32)
    odds = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (rng.random((20_000, 1)) > odds.cumsum(1)).sum(1).clip(0, 2)
    return logits * np.float32(temperature), truth


@pytest.mark.parametrize('temperature', [0.1, 1.0, 2.5])
def test_the_temperature_that_spoilt_the_logits_is_found(temperature: float) -> None:
    logits, truth = overconfident(temperature)
    found = fit_temperature(logits, truth)
    # Within one step of the finer search, 2 %.
    assert found == pytest.approx(temperature, rel=0.02)
    assert calibration_error(logits, truth, found) < 0.01
    assert calibration_error(logits, truth, found) <= calibration_error(logits, truth, 1.0)


def test_a_hopeless_case_stays_in_bounds() -> None:
    logits = np.tile(np.float32([[9.0, 0.0]]), (10, 1))
    # The last step but one or the last, 2 % apart, have the same confidence in eight bits.
    assert 20 / 1.021 <= fit_temperature(logits, np.ones(10, int)) <= 20


def test_no_known_pixel_is_refused() -> None:
    with pytest.raises(DatasetError, match='got none'):
        fit_temperature(np.zeros((0, 3), np.float32), np.zeros(0, int))
