"""An exponential average of a network's weights, which is better than any of the last ones."""

from __future__ import annotations

import copy

import torch
from torch import nn

DECAY = 0.995


class WeightAverage:
    """The average over the last steps.

    :param network: whose weights it begins with.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Let the weights after one more step count."""
        self.steps += 1
        # The first steps count little: their weights are still near the random start.
        decay = min(DECAY, self.steps / (self.steps + 10))
        for mine, theirs in zip(
            self.network.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - decay)
            else:
                mine.copy_(theirs)
