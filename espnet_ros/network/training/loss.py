"""The training loss: weighted cross-entropy at both ends of the network, and Lovász-softmax."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from espnet_ros.core.labels import UNLABELED

# w = 1 / ln(c + frequency), ENet (Paszke et al. 2016), section 5.1. ENet's c = 1.02 weighs the
# rarest class 14 times the commonest: poles were then drawn four times too often. The Lovász term
# looks after rare classes too, so 1.10 (3.5 times) is enough.
WEIGHT_OFFSET = 1.10
LOVASZ = 0.75
# Sorting every pixel for every class would cost as much as the network's own backward pass.
LOVASZ_STRIDE = 2
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
        thin = slice(None, None, LOVASZ_STRIDE)
        return (
            self._cross_entropy(logits, truth)
            + LOVASZ * lovasz_softmax(logits[..., thin, thin], truth[:, thin, thin])
            + AUXILIARY * self._cross_entropy(encoder_logits, coarse)
        )

    def _cross_entropy(self, logits: Tensor, truth: Tensor) -> Tensor:
        return functional.cross_entropy(
            logits, truth, weight=self.get_buffer('weights'), ignore_index=UNLABELED
        )


def lovasz_softmax(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the mean over the classes in the truth of the Lovász extension of 1 - IoU.

    A convex surrogate of the measure itself (Berman, Rannen Triki, Blaschko: The Lovász-Softmax
    loss, CVPR 2018, equations 8 and 11): it weighs a missed and a wrongly drawn pixel as IoU does.

    :param logits: (B, C, H, W).
    :param truth: int64 (B, H, W), UNLABELED ignored.
    """
    known = truth != UNLABELED
    probability = logits.softmax(1).movedim(1, 0)[:, known]  # (C, P)
    losses = []
    for class_id in truth[known].unique():
        hit = (truth[known] == class_id).to(probability.dtype)
        errors, order = (hit - probability[class_id]).abs().sort(descending=True)
        losses.append(errors @ _jaccard_steps(hit[order]))
    return torch.stack(losses).mean() if losses else logits.sum() * 0


def _jaccard_steps(hit: Tensor) -> Tensor:
    """Return how much 1 - IoU grows as each pixel, worst first, becomes an error, (P,)."""
    total = hit.sum()
    missed = 1 - (total - hit.cumsum(0)) / (total + (1 - hit).cumsum(0))
    return torch.diff(missed, prepend=missed.new_zeros(1))
