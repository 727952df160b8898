"""The mask of a network that is being trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from espnet_ros.network.training.label_files import Array


@torch.inference_mode()
def mask_of(network: nn.Module, image: Tensor, shape: tuple[int, ...]) -> Array:
    """Return class_id, uint8 of `shape`.

    :param network: in evaluation mode.
    :param image: normalised, (1, 3, H, W).
    :param shape: of the truth, (H, W).
    """
    logits = network(image)
    if logits.shape[2:] != shape:
        # An encoder alone answers at 1/8 of the size, see espnet_ros.network.deploy.
        logits = nn.functional.interpolate(
            logits, size=shape, mode='bilinear', align_corners=False
        )
    return np.asarray(logits.argmax(1)[0].to(torch.uint8).cpu().numpy(), np.uint8)
