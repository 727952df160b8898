"""Learning from another model's opinion of each pixel beside the truth.

Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015, at temperature 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import DatasetError
from espnet_ros.core.labels import Labels
from espnet_ros.network.checkpoint import load_bundle


class Teacher:
    """A model that is asked, not trained.

    :param bundle: a model that knows all the classes, in any order and among others.
    :param labels: the classes that are learned.
    :raises DatasetError: if it does not know one of them.
    """

    def __init__(self, bundle: Bundle, labels: Labels, device: torch.device) -> None:
        missing = [name for name in labels.names if name not in bundle.labels.names]
        if missing:
            raise DatasetError(
                f'the teacher {bundle.name} does not know {", ".join(missing)}: it must have '
                f'all of {", ".join(labels.names)}'
            )
        self._order = [bundle.labels.names.index(name) for name in labels.names]
        self._network = load_bundle(bundle).to(device)
        self._device = device
        self._mean = torch.tensor(bundle.mean, device=device).view(1, 3, 1, 1)
        self._scale = torch.tensor(bundle.std, device=device).view(1, 3, 1, 1) / bundle.input_scale

    @torch.no_grad()
    def probabilities(self, images: npt.NDArray[np.uint8]) -> Tensor:
        """Return how likely each class is, float32 (B, C, H, W), summing to 1.

        :param images: uint8 (B, H, W, 3) BGR.
        """
        pixels = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).float()
        logits = self._network((pixels - self._mean) / self._scale)
        return logits[:, self._order].softmax(1)  # type: ignore[no-any-return]


def distillation_loss(logits: Tensor, probabilities: Tensor) -> Tensor:
    """Return the mean cross-entropy of the pupil under the teacher's probabilities.

    :param logits: (B, C, H, W).
    :param probabilities: (B, C, H, W).
    """
    return -(probabilities * logits.log_softmax(1)).sum(1).mean()
