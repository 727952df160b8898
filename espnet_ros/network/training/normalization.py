"""The normalised images that a network in training, a teacher or a calibration gets.

The deployment graph multiplies instead of dividing, see `espnet_ros.network.deploy`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Normalise:
    """``(image - mean) / (std / input_scale)``.

    :param mean: per channel, BGR, in 0..255.
    :param std: per channel, BGR, in 0..255.
    :param input_scale: 1.0, or that of a published checkpoint.
    :param device: where the images are; None for the CPU.
    :param dtype: of the computation.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], input_scale: float = 1.0,
        device: torch.device | None = None, dtype: torch.dtype = torch.float32,
    ) -> None:  # fmt: skip
        shape = (1, 3, 1, 1)
        self._mean = torch.tensor(mean, dtype=dtype, device=device).view(shape)
        self._scale = torch.tensor(std, dtype=dtype, device=device).view(shape) / input_scale

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 (B, 3, H, W).

        :param images: uint8 (B, H, W, 3) BGR.
        """
        pixels = images.permute(0, 3, 1, 2).to(self._mean.dtype)
        return ((pixels - self._mean) / self._scale).float()
