from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.core.resize import image_at, mask_at


@pytest.mark.parametrize('channels', [1, 3, 4])
def test_an_image_is_interpolated_between_pixel_centres(channels: int) -> None:
    image = np.repeat(np.uint8([[[0], [100]]]), channels, axis=2)
    # The centres of four pixels lie at -0.25, 0.25, 0.75 and 1.25 of two.
    found = image_at(image, (4, 3)).reshape(3, 4, channels)
    assert found.dtype == np.uint8
    assert (found == np.uint8([0, 25, 75, 100])[None, :, None]).all()


def test_a_mask_takes_the_pixel_that_holds_the_centre() -> None:
    # The centres of five columns lie at 0.3, 0.9, 1.5, 2.1 and 2.7 of three.
    found = mask_at(np.uint8([[3, 255, 9], [7, 8, 0]]), (5, 4))
    assert found.tolist() == [[3, 3, 255, 9, 9]] * 2 + [[7, 7, 8, 0, 0]] * 2


def test_what_has_the_size_is_handed_back() -> None:
    image, mask = np.zeros((5, 7, 3), np.uint8), np.zeros((5, 7), np.uint8)
    assert image_at(image, (7, 5)) is image
    assert mask_at(mask, (7, 5)) is mask
