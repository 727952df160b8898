"""The training loss: weighted cross-entropy at both ends of the network, and Lovász-softmax."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from espnet_ros.core.input_size import STRIDE
from espnet_ros.core.labels import UNLABELED

# w = 1 / ln(c + frequency), ENet (Paszke et al. 2016), section 5.1. ENet's c = 1.02 gives the
# rarest class 14 times the weight of the commonest: the masks then had four times too many poles.
# With 1.10 (3.5 times) they still had too many cars, trees and fences, at the cost of roads and
# buildings. The Lovász term helps rare classes, too, so 1.40 (1.6 times) is enough.
WEIGHT_OFFSET = 1.40
# Every second row and column is as good, at a quarter of the cost.
LOVASZ_STRIDE = 2
AUXILIARY = 0.4
# Sorting 16-bit integers upwards takes a fifth of the time of sorting floats on a CPU (downwards
# two thirds; 100,000 values, PyTorch 2.13). Errors that differ by less count as equal.
ERROR_LEVELS = 32767


class SegmentationLoss(nn.Module):
    """Loss of the logits at image size and, as an auxiliary, of the encoder's at 1/8.

    An encoder alone (ESPNet-C) has only the logits at 1/8.

    :param frequencies: each class's share of the pixels, (C,).
    """

    def __init__(self, frequencies: npt.NDArray[np.float64]) -> None:
        super().__init__()
        weights = 1 / np.log(WEIGHT_OFFSET + frequencies)
        self.register_buffer(
            'weights', torch.tensor(weights / weights.mean(), dtype=torch.float32)
        )

    def forward(self, logits: Tensor, encoder_logits: Tensor | None, truth: Tensor) -> Tensor:
        """Return a scalar.

        :param logits: (B, C, H, W), or (B, C, H / 8, W / 8) from an encoder alone.
        :param encoder_logits: (B, C, H / 8, W / 8), None from an encoder alone.
        :param truth: int64 (B, H, W), UNLABELED ignored.
        """
        coarse = truth[:, STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
        if encoder_logits is None:
            return self._cross_entropy(logits, coarse) + lovasz_softmax(logits, coarse)
        thin = slice(None, None, LOVASZ_STRIDE)
        return (
            self._cross_entropy(logits, truth)
            + lovasz_softmax(logits[..., thin, thin], truth[:, thin, thin])
            + AUXILIARY * self._cross_entropy(encoder_logits, coarse)
        )

    def _cross_entropy(self, logits: Tensor, truth: Tensor) -> Tensor:
        if not (truth != UNLABELED).any():
            # A mean over nothing would be NaN, and make the sum of the losses NaN.
            return logits.sum() * 0
        return functional.cross_entropy(
            logits, truth, weight=self.get_buffer('weights'), ignore_index=UNLABELED
        )


def lovasz_softmax(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the mean over the classes in the truth of the Lovász extension of 1 - IoU.

    It is a convex surrogate of IoU itself (Berman, Rannen Triki, Blaschko: The Lovász-Softmax
    loss, CVPR 2018, equations 8 and 11) and weighs false negatives and positives as IoU does.

    :param logits: (B, C, H, W).
    :param truth: int64 (B, H, W), UNLABELED ignored.
    """
    known = truth != UNLABELED
    classes = truth[known]
    probability = logits.softmax(1).movedim(1, 0)[:, known]  # (C, P)
    losses = []
    for class_id in classes.unique():
        hit = classes == class_id
        errors = (hit.to(probability.dtype) - probability[class_id]).abs()
        levels = (errors.detach() * -ERROR_LEVELS).to(torch.int16)
        order = levels.argsort()
        losses.append(errors[order] @ _jaccard_steps(hit[order].to(errors.dtype)))
    return torch.stack(losses).mean() if losses else logits.sum() * 0


def _jaccard_steps(hit: Tensor) -> Tensor:
    """Return how much 1 - IoU grows as each pixel, worst first, becomes an error, (P,)."""
    total = hit.sum()
    missed = 1 - (total - hit.cumsum(0)) / (total + (1 - hit).cumsum(0))
    return torch.diff(missed, prepend=missed.new_zeros(1))
