"""The deployment graph: what every backend runs, so pre- and post-processing exist once.

``image uint8 (N, H, W, 3) BGR -> mask uint8 (N, H, W), confidence uint8 (N, H, W)``.

Three rules keep it legal for TensorRT and free of shape arithmetic, so N, H and W stay dynamic:
the first operator on the image is the cast from uint8, the last ones are the casts back, and
nothing reads a shape.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_ros.network.espnet import STRIDE, ESPNet


class UpsampleHead(nn.Module):
    """The last 2 x 2 transposed convolution of stride 2 as a 1 x 1 convolution to 4C channels.

    Each output pixel of that layer depends on one input pixel only, so this is exact; argmax
    then runs before the pixels are interleaved and moves C times less data.
    """

    def __init__(self, up: nn.ConvTranspose2d) -> None:
        super().__init__()
        weight = up.weight.detach()
        inputs, classes = weight.shape[:2]
        self.classes = classes
        self.taps = nn.Conv2d(inputs, 4 * classes, 1, bias=False)
        taps = weight.permute(2, 3, 1, 0).reshape(4 * classes, inputs, 1, 1)
        self.taps.weight = nn.Parameter(taps.contiguous())

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Turn (N, C, H / 2, W / 2) into class ids and confidence, float32 (N, 1, H, W)."""
        parts = [classify(tap) for tap in self.taps(features).split(self.classes, dim=1)]
        ids, confidence = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
        return F.pixel_shuffle(ids, 2), F.pixel_shuffle(confidence, 2)


class ResizeHead(nn.Module):
    """Bilinear up-sampling of an encoder's scores, which are at 1/8 of the image size."""

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Turn (N, C, H / 8, W / 8) into class ids and confidence, float32 (N, 1, H, W)."""
        scale = float(STRIDE)
        return classify(
            F.interpolate(logits.float(), scale_factor=scale, mode='bilinear', align_corners=False)
        )


class DeploymentGraph(nn.Module):
    """A network with normalisation before and argmax behind it, in evaluation mode.

    :param network: a network of `espnet_ros.network.espnet`; shared, not copied.
    :param mean: per channel, BGR, in 0..255.
    :param std: per channel, BGR, in 0..255.
    :param input_scale: the network sees ``(image - mean) / std * input_scale``.
    """

    mean: Tensor
    factor: Tensor

    def __init__(
        self,
        network: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        input_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.head = UpsampleHead(network.up1) if isinstance(network, ESPNet) else ResizeHead()
        self.register_buffer('mean', torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        factor = input_scale / torch.tensor(std, dtype=torch.float64).view(1, 3, 1, 1)
        self.register_buffer('factor', factor.float())
        self.eval()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Segment images.

        :param image: uint8 (N, H, W, 3) BGR, H and W multiples of 8.
        :return: mask uint8 (N, H, W) of raw class ids (void included), and confidence uint8
            (N, H, W) = round(255 * max softmax).
        """
        pixels = image.to(torch.float32).permute(0, 3, 1, 2)
        pixels = (pixels - self.mean) * self.factor
        # Normalised in float32 whatever the network computes in: bf16 has 8 bits of mantissa,
        # which the subtraction of the mean would cost dark images.
        pixels = pixels.to(next(self.network.parameters()).dtype)
        if isinstance(self.network, ESPNet):
            ids, confidence = self.head(self.network.decode1(pixels))
        else:
            ids, confidence = self.head(self.network(pixels))
        levels = torch.round(confidence * 255.0)
        return ids.squeeze(1).to(torch.uint8), levels.squeeze(1).to(torch.uint8)


def classify(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best class and its probability.

    :param logits: (N, C, H, W).
    :return: class ids and max softmax, float32 (N, 1, H, W).
    """
    scores = logits.float()
    best = scores.amax(dim=1, keepdim=True)
    # max softmax is the softmax term of the maximum, exp(0), over the sum.
    confidence = torch.exp(scores - best).sum(dim=1, keepdim=True).reciprocal()
    return scores.argmax(dim=1, keepdim=True).float(), confidence
