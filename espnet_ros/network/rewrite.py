"""Exact rewrites of a network for inference libraries; figures in docs/cpu_speed.md.

A rewritten network computes the same sums in another grouping, so scores differ only by rounding.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from espnet_ros.core.architecture import IMAGE_CHANNELS
from espnet_ros.network.deploy import fold_batch_norm
from espnet_ros.network.esp import NormAct
from espnet_ros.network.espnet import Encoder, ESPNet

# In one dimension, average pooling of 3 x 3 with stride 2 sums the image with the taps _HALF;
# applied twice, with its zero padding, it sums with _QUARTER at a stride of 4.
_HALF = (1.0, 1.0, 1.0)
_QUARTER = (1.0, 1.0, 2.0, 1.0, 2.0, 1.0, 1.0)


def rewrite(network: nn.Module) -> nn.Module:
    """Return a copy of a network that inference libraries run faster, in evaluation mode.

    :param network: of `espnet_ros.network.espnet`, in float32.
    """
    network = fold_batch_norm(copy.deepcopy(network).eval())
    if isinstance(network, Encoder):
        network = _with_one_entry(network)
    elif isinstance(network, ESPNet):
        network.encoder = _with_one_entry(network.encoder)
        if network.up1.bias is not None:
            _carry_bias(network)
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, NormAct) and isinstance(child.bn, nn.BatchNorm2d):
                setattr(parent, name, ScaleAct.of(child))
    return network.eval()


class ScaleAct(nn.Module):
    """Batch normalisation and PReLU as plain arithmetic on tensors of one rank.

    The constants of BatchNormalization and PRelu have one axis. With them, OpenVINO's fused
    kernels leave the convolutions' channels-last layout, and each use costs two reorders.

    :param scale: (C,) multiplies the input.
    :param shift: (C,) is added to the product.
    :param slope: (C,) of the PReLU.
    """

    scale: Tensor
    shift: Tensor
    slope: Tensor

    def __init__(self, scale: Tensor, shift: Tensor, slope: Tensor) -> None:
        super().__init__()
        for name, values in (('scale', scale), ('shift', shift), ('slope', slope)):
            self.register_buffer(name, values.detach().clone().view(1, -1, 1, 1))
        # If no slope is above 1, the PReLU is a maximum of two numbers, one operation less.
        self._gentle = bool((slope <= 1).all())

    @classmethod
    def of(cls, norm_act: NormAct) -> ScaleAct:
        """Return the equivalent of a block in evaluation mode."""
        scale, shift = _scale_shift(norm_act.bn)
        return cls(scale, shift, norm_act.act.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Apply both to (B, C, H, W)."""
        return _prelu(x * self.scale + self.shift, self.slope, self._gentle)


class RewrittenEncoder(Encoder):
    """ESPNet-C's encoder with a first convolution that also pools the image.

    :param encoder: with its first batch normalisation folded; its layers are taken over.
    """

    slope: Tensor

    def __init__(self, encoder: Encoder) -> None:
        # Not Encoder.__init__: the layers of the other encoder are used.
        nn.Module.__init__(self)
        self.share, self.reinforce = encoder.share, encoder.reinforce
        for name in ('level2', 'norm2', 'level3', 'norm3', 'classifier'):
            setattr(self, name, getattr(encoder, name))
        first: Any
        norm_act: Any
        first, norm_act = encoder.level1
        self.joined = _with_pooled_image(first)
        # With a slope of 1 the image itself passes the PReLU unchanged.
        slope = torch.cat([norm_act.act.weight.detach(), torch.ones(IMAGE_CHANNELS)])
        self.register_buffer('slope', slope.view(1, -1, 1, 1))
        self._gentle = bool((slope <= 1).all())
        self._raw_channels = first.out_channels
        # Sums of pixels instead of means: their weights are exact in any precision.
        self.norm1 = _after_sums(encoder.norm1, len(_HALF) ** 2)
        self.norm2 = _after_sums(encoder.norm2, len(_HALF) ** 4)
        self.quarter = _depthwise(_QUARTER, stride=4)

    def enter(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the same as the base class, but the image at 1/4 as sums, not means."""
        joined = _prelu(self.joined(image), self.slope, self._gentle)
        return joined[:, : self._raw_channels], self.norm1(joined), self.quarter(image)


def _with_one_entry(encoder: Encoder) -> Encoder:
    return RewrittenEncoder(encoder) if encoder.share and encoder.reinforce else encoder


def _carry_bias(network: ESPNet) -> None:
    """Turn the class biases into weights of one more channel, which is 1 everywhere.

    Libraries pad the channels of a convolution to a multiple of 8 or 16 anyway, whereas a sum
    after the head's matrix product is one more pass over the largest tensor.
    """
    before: Any = network.merge1[0]
    act: Any = network.merge1[1]
    assert before.bias is not None and network.up1.bias is not None
    merge = nn.Conv2d(before.in_channels, before.out_channels + 1, 3, padding=1)
    merge.weight = nn.Parameter(
        torch.cat([before.weight.detach(), torch.zeros_like(before.weight[:1])])
    )
    merge.bias = nn.Parameter(torch.cat([before.bias.detach(), torch.ones(1)]))
    network.merge1[0] = merge
    act.act.weight = nn.Parameter(torch.cat([act.act.weight.detach(), torch.ones(1)]))
    weight, bias = network.up1.weight.detach(), network.up1.bias.detach()
    up = nn.ConvTranspose2d(merge.out_channels, len(bias), 2, stride=2, bias=False)
    up.weight = nn.Parameter(torch.cat([weight, bias.view(1, -1, 1, 1).expand(1, -1, 2, 2)]))
    network.up1 = up


def _prelu(x: Tensor, slope: Tensor, gentle: bool) -> Tensor:
    if gentle:
        return torch.maximum(x, x * slope)
    return torch.relu(x) + slope * x.clamp(max=0)


def _scale_shift(bn: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert bn.running_mean is not None and bn.running_var is not None
    scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    return scale, bn.bias - bn.running_mean * scale


def _after_sums(norm_act: Any, count: int) -> Any:
    """Return the block for last three inputs that are sums of `count` values, not means."""
    scale, shift = _scale_shift(norm_act.bn)
    per_input = torch.ones_like(scale)
    per_input[-IMAGE_CHANNELS:] /= count
    return ScaleAct(scale * per_input, shift, norm_act.act.weight)


def _with_pooled_image(first: nn.Conv2d) -> nn.Conv2d:
    """Return the first convolution with three more outputs: each colour's 3 x 3 sums."""
    assert first.bias is not None
    pooled = torch.zeros(IMAGE_CHANNELS, *first.weight.shape[1:])
    for channel in range(IMAGE_CHANNELS):
        pooled[channel, channel] = 1.0
    joined = nn.Conv2d(
        IMAGE_CHANNELS, first.out_channels + IMAGE_CHANNELS, len(_HALF), stride=2, padding=1
    )
    joined.weight = nn.Parameter(torch.cat([first.weight.detach(), pooled]))
    joined.bias = nn.Parameter(torch.cat([first.bias.detach(), torch.zeros(IMAGE_CHANNELS)]))
    return joined


def _depthwise(taps: tuple[float, ...], stride: int) -> nn.Conv2d:
    kernel = torch.tensor(taps)
    size = len(taps)
    sums = nn.Conv2d(
        IMAGE_CHANNELS, IMAGE_CHANNELS, size, stride, size // 2, groups=IMAGE_CHANNELS, bias=False
    )
    weight = (kernel[:, None] * kernel).expand(IMAGE_CHANNELS, 1, size, size)
    sums.weight = nn.Parameter(weight.clone())
    return sums
