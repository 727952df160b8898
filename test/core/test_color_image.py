"""Channels put in order after a resize are those put in order before it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from espnet_ros.core.color_image import MOVES, ColorImage

CHANNELS = {
    cv2.COLOR_RGB2BGR: 3, cv2.COLOR_BGRA2BGR: 4, cv2.COLOR_RGBA2BGR: 4, cv2.COLOR_GRAY2BGR: 1,
}  # fmt: skip


def noise(channels: int, row_padding: int = 0) -> np.ndarray:
    """Return 50 x 70 pixels of any value, rows padded as in a message."""
    step = 70 * channels + row_padding
    rows = np.random.default_rng(channels).integers(0, 256, (50, step), np.uint8)
    return np.ndarray((50, 70, channels), np.uint8, rows, strides=(step, channels, 1))


def test_every_move_is_tried() -> None:
    assert set(CHANNELS) == set(MOVES)


@pytest.mark.parametrize('to_bgr', MOVES)
@pytest.mark.parametrize('size_wh', [(32, 24), (35, 25), (100, 90), (70, 50)])
@pytest.mark.parametrize('row_padding', [0, 5])
def test_resized_is_the_resized_bgr(
    to_bgr: int, size_wh: tuple[int, int], row_padding: int
) -> None:
    pixels = noise(CHANNELS[to_bgr], row_padding)
    image = ColorImage(pixels, to_bgr)
    bgr = cv2.cvtColor(np.ascontiguousarray(pixels), to_bgr)
    np.testing.assert_array_equal(image.bgr, bgr)
    resized = image.resized(size_wh)
    assert resized.shape == (size_wh[1], size_wh[0], 3)
    # A build of OpenCV may round other numbers of channels in another way.
    expected = cv2.resize(bgr, size_wh, interpolation=cv2.INTER_LINEAR).astype(int)
    np.testing.assert_allclose(resized, expected, atol=1)


def test_bgr_is_handed_on_as_it_is() -> None:
    pixels = noise(3)
    image = ColorImage(pixels)
    assert image.bgr is pixels and image.resized((70, 50)) is pixels
    assert image.size_wh == (70, 50)
