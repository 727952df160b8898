from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.evaluation.corruptions import CORRUPTIONS, corrupt


def halves() -> np.ndarray:
    """Return an image of (40, 60, 80) left and (200, 180, 160) right, uint8 (24, 32, 3)."""
    image = np.empty((24, 32, 3), np.uint8)
    image[:, :16], image[:, 16:] = (40, 60, 80), (200, 180, 160)
    return image


@pytest.mark.parametrize(
    ('name', 'left', 'right'),
    [
        # 255 (v / 255)^2
        ('darker', (6, 14, 25), (157, 127, 100)),
        # 255 (v / 255)^(1/2)
        ('brighter', (101, 124, 143), (226, 214, 202)),
        # Halfway to the mean of all, 120.
        ('less contrast', (80, 90, 100), (160, 150, 140)),
        ('bluer', (50, 60, 64), (250, 180, 128)),
        ('redder', (32, 60, 100), (160, 180, 200)),
        ('blurred', (40, 60, 80), (200, 180, 160)),
    ],
)
def test_colours_far_from_borders(name: str, left: tuple, right: tuple) -> None:
    image = corrupt(halves(), name, np.random.default_rng(0))
    assert image.dtype == np.uint8 and image.shape == (24, 32, 3)
    assert (tuple(image[12, 2]), tuple(image[12, 29])) == (left, right)


def test_what_a_corruption_takes_away() -> None:
    rng = np.random.default_rng(0)
    before = halves()
    blurred = corrupt(before, 'blurred', rng).astype(int)
    # The step of 160 in blue is spread over several pixels.
    assert 40 < np.abs(np.diff(blurred[12, :, 0])).max() < 60
    noise = corrupt(before, 'noisy', rng).astype(float) - before
    assert noise.std() == pytest.approx(12, abs=1) and abs(noise.mean()) < 1
    fine = np.tile(np.uint8([100, 104]), (24, 16))[..., None].repeat(3, 2)
    assert corrupt(fine, 'compressed', rng).std() < 0.5 < fine.std()


def test_nothing_leaves_the_range() -> None:
    white = np.full((8, 16, 3), 255, np.uint8)
    for name in CORRUPTIONS:
        assert corrupt(white, name, np.random.default_rng(0)).mean() > 190
