"""All that a network sees of the 256 levels of a channel."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from espnet_ros.network.official import DATASETS, INPUT_SCALE
from espnet_ros.network.training.normalization import Normalise

LEVELS = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 8, 32, 3)
NORMALISATIONS = [
    pytest.param(trained_on.mean, trained_on.std, scale, id=f'{name} {scale:.3f}')
    for name, trained_on in DATASETS.items()
    for scale in (1.0, INPUT_SCALE)
]


@pytest.mark.parametrize(('mean', 'std', 'scale'), NORMALISATIONS)
def test_it_divides_in_single_precision(mean, std, scale) -> None:
    seen = Normalise(mean, std, scale)(torch.from_numpy(LEVELS))
    assert seen.shape == (1, 3, 8, 32) and seen.dtype == torch.float32
    divisor = np.float32(std) / np.float32(scale)
    expected = (LEVELS.astype(np.float32) - np.float32(mean)) / divisor
    np.testing.assert_array_equal(seen.permute(0, 2, 3, 1).numpy(), expected)


@pytest.mark.parametrize(('mean', 'std', 'scale'), NORMALISATIONS)
def test_or_in_double_precision_rounded_once(mean, std, scale) -> None:
    seen = Normalise(mean, std, scale, dtype=torch.float64)(torch.from_numpy(LEVELS))
    expected = ((LEVELS - np.array(mean)) / np.array(std) * scale).astype(np.float32)
    np.testing.assert_array_equal(seen.permute(0, 2, 3, 1).numpy(), expected)
