"""A run that takes seconds: which half of a picture is dark, and which is bright."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from espnet_ros.network.training.datasets import Sample
from espnet_ros.network.training.recipe import Recipe
from espnet_ros.network.training.trainer import Trainer

RECIPE = Recipe(alpha2=1, alpha3=1, crop_wh=(48, 32), batch=2)
CLASSES = ('dark', 'bright')


def samples(count: int) -> list[Sample]:
    """Dark left halves of class 0 and bright right halves of class 1."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(2, dtype=np.uint8), 32)[None].repeat(48, 0)
    pictures = [
        (truth * 180 + rng.integers(0, 60, truth.shape)).astype(np.uint8) for _ in range(count)
    ]
    return [Sample(str(i), np.dstack([p] * 3), truth) for i, p in enumerate(pictures)]


def trainer(work: Path, recipe: Recipe = RECIPE) -> Trainer:
    return Trainer([samples(4)], samples(2), CLASSES, recipe, work)


def weights(run: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in run.network.parameters()])
