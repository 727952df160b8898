"""The training loss: weighted cross-entropy plus soft Dice, at both ends of the network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from espnet_ros.core.labels import UNLABELED

# w = 1 / ln(c + frequency) with c = 1.02, ENet (Paszke et al. 2016), section 5.1. With 1.05 signs
# and bicyclists were still at zero after 12 epochs.
WEIGHT_OFFSET = 1.02
DICE = 0.5
AUXILIARY = 0.4


class SegmentationLoss(nn.Module):
    """Loss of the logits at image size and, as an auxiliary, of the encoder's at 1/8.

    :param frequencies: each class's share of the pixels, (C,).
    """

    def __init__(self, frequencies: npt.NDArray[np.float64]) -> None:
        super().__init__()
        weights = 1 / np.log(WEIGHT_OFFSET + frequencies)
        self.register_buffer(
            'weights', torch.tensor(weights / weights.mean(), dtype=torch.float32)
        )

    def forward(self, logits: Tensor, encoder_logits: Tensor, truth: Tensor) -> Tensor:
        """Return a scalar.

        :param logits: (B, C, H, W).
        :param encoder_logits: (B, C, H / 8, W / 8).
        :param truth: int64 (B, H, W), UNLABELED ignored.
        """
        coarse = truth[:, 4::8, 4::8]
        return (
            self._cross_entropy(logits, truth)
            + DICE * dice_loss(logits, truth)
            + AUXILIARY * self._cross_entropy(encoder_logits, coarse)
        )

    def _cross_entropy(self, logits: Tensor, truth: Tensor) -> Tensor:
        return functional.cross_entropy(
            logits, truth, weight=self.get_buffer('weights'), ignore_index=UNLABELED
        )


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return 1 - the mean soft Dice over the classes that occur in the batch's truth.

    :param logits: (B, C, H, W).
    :param truth: int64 (B, H, W), UNLABELED ignored.
    """
    known = truth != UNLABELED
    probability = logits.softmax(1) * known[:, None]
    hit = torch.where(known, truth, 0)[:, None]
    classes = logits.shape[1]
    overlap = torch.zeros(classes, dtype=logits.dtype, device=logits.device)
    overlap = overlap.index_add(0, hit.flatten(), probability.gather(1, hit).flatten())
    counts = torch.bincount(truth[known], minlength=classes)
    dice = 2 * overlap / (probability.sum((0, 2, 3)) + counts).clamp(min=1)
    return 1 - dice[counts > 0].mean()
