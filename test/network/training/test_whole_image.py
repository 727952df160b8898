"""Masks by hand of networks whose logits are the image itself, or an eighth of it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from torch import nn

from espnet_ros.network.training.whole_image import mask_of


def image(height: int, width: int) -> torch.Tensor:
    """Channel 2 leads on the left of column 8, channel 1 on the right."""
    planes = torch.zeros(1, 3, height, width)
    planes[:, 2, :, :8] = 1
    planes[:, 1, :, 8:] = 1
    return planes


def test_the_highest_logit_wins() -> None:
    mask = mask_of(nn.Identity(), image(16, 24))

    assert mask.dtype == np.uint8
    assert (mask[:, :8] == 2).all()
    assert (mask[:, 8:] == 1).all()


def test_coarse_logits_are_scaled_to_the_image() -> None:
    mask = mask_of(nn.AvgPool2d(8), image(16, 24))

    # The centres of the coarse pixels lie at columns 3.5 and 11.5: half way is 7.5.
    assert mask.shape == (16, 24)
    assert (mask[:, :8] == 2).all()
    assert (mask[:, 8:] == 1).all()
