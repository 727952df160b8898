"""The answer of a network, also of an encoder alone, for every pixel of an image."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from espnet_ros.core.arrays import UInt8Array


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits at the size of the images, (B, C, H, W).

    :param images: normalised, (B, 3, H, W).
    """
    logits: Tensor = network(images)
    if logits.shape[2:] == images.shape[2:]:
        return logits
    # An encoder alone gives 1/8 of the size, see espnet_ros.network.deploy.
    return functional.interpolate(
        logits, size=images.shape[2:], mode='bilinear', align_corners=False
    )


@torch.inference_mode()
def mask_of(network: nn.Module, image: Tensor) -> UInt8Array:
    """Return class_id, uint8 (H, W).

    :param network: in evaluation mode.
    :param image: normalised, (1, 3, H, W).
    """
    mask = logits_of(network, image).argmax(1)[0]
    return np.asarray(mask.to(torch.uint8).cpu().numpy(), np.uint8)
