"""The deployment graph: every backend runs it, so pre- and post-processing exist once.

``image uint8 (N, H, W, 3) BGR -> mask uint8 (N, H, W), confidence uint8 (N, H, W)``.

N, H and W stay dynamic. TensorRT requires that the first operator on the image is the cast from
uint8 and that the last ones are the casts back; everything between is floating point.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from espnet_ros.core.input_size import STRIDE
from espnet_ros.core.model_description import ModelDescription
from espnet_ros.network.esp import NormAct
from espnet_ros.network.espnet import ESPNet


class UpsampleHead(nn.Module):
    """The last 2 x 2 transposed convolution of stride 2 as a 1 x 1 convolution to 4C channels.

    Each output pixel of that layer depends on only one input pixel, so this is exact. Argmax
    then runs before the pixels are interleaved, which moves C times less data.
    """

    def __init__(self, up: nn.ConvTranspose2d, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        weight = up.weight.detach()
        inputs, classes = weight.shape[:2]
        self.classes = classes
        self.taps = nn.Conv2d(inputs, 4 * classes, 1, bias=up.bias is not None)
        taps = weight.permute(2, 3, 1, 0).reshape(4 * classes, inputs, 1, 1)
        self.taps.weight = nn.Parameter(taps.contiguous())
        if up.bias is not None:
            self.taps.bias = nn.Parameter(up.bias.detach().repeat(4))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Turn (N, C, H / 2, W / 2) into class ids and confidence, float32 (N, H, W)."""
        # The head stays in float32: scores rounded to bf16 tie too often.
        batch, _, height, width = features.shape
        # Libraries reduce tensors of four axes faster than of five.
        taps = self.taps(features.float()).reshape(batch, 4, self.classes, height * width)
        ids, confidence = (
            F.pixel_shuffle(tap.reshape(batch, 4, height, width), 2).flatten(0, 1)
            for tap in classify(taps, 2, self.temperature)
        )
        return ids, confidence


class ResizeHead(nn.Module):
    """Bilinear up-sampling of an encoder's scores, which are at 1/8 of the image size."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Turn (N, C, H / 8, W / 8) into class ids and confidence, float32 (N, H, W)."""
        scale = float(STRIDE)
        return classify(
            F.interpolate(
                logits.float(), scale_factor=scale, mode='bilinear', align_corners=False
            ),
            1,
            self.temperature,
        )


class DeploymentGraph(nn.Module):
    """A network with normalisation before and argmax after it, in evaluation mode.

    :param network: a network of `espnet_ros.network.espnet`; shared, not copied.
    :param mean: per channel, BGR, in 0..255.
    :param std: per channel, BGR, in 0..255.
    :param input_scale: the network sees ``(image - mean) / std * input_scale``.
    :param temperature: confidence is the maximum of softmax(logits / temperature).
    """

    mean: Tensor
    factor: Tensor

    def __init__(
        self,
        network: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        input_scale: float = 1.0,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.head: nn.Module = (
            UpsampleHead(network.up1, temperature)
            if isinstance(network, ESPNet)
            else ResizeHead(temperature)
        )
        self.register_buffer('mean', torch.tensor(mean, dtype=torch.float32).view(1, 1, 1, 3))
        factor = input_scale / torch.tensor(std, dtype=torch.float64).view(1, 1, 1, 3)
        self.register_buffer('factor', factor.float())
        self.eval()

    @classmethod
    def of(cls, network: nn.Module, description: ModelDescription) -> DeploymentGraph:
        """Return the graph of a network with the normalisation and temperature of its model."""
        return cls(
            network, description.mean, description.std, description.input_scale,
            description.temperature,
        )  # fmt: skip

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Segment images.

        :param image: uint8 (N, H, W, 3) BGR, H and W multiples of 8.
        :return: mask uint8 (N, H, W) of raw class ids (void included), and confidence uint8
            (N, H, W) = round(255 * max softmax(logits / temperature)).
        """
        # Channels stay last in memory, as the first convolution expects.
        pixels = ((image.to(torch.float32) - self.mean) * self.factor).permute(0, 3, 1, 2)
        # Normalised in float32 whatever the network computes in: with bf16's 8 bits of mantissa,
        # dark images would lose their detail when the mean is subtracted.
        pixels = pixels.to(next(self.network.parameters()).dtype)
        if isinstance(self.network, ESPNet):
            ids, confidence = self.head(self.network.decode1(pixels))
        else:
            ids, confidence = self.head(self.network(pixels))
        levels = torch.round(confidence * 255.0)
        return ids.to(torch.uint8), levels.to(torch.uint8)


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Fold each batch normalisation that directly follows a convolution into that convolution.

    The others follow a concatenation or a sum and stay. `ESPNet.norm3` stays, too: the
    convolution before it is the encoder's classifier, which is not part of the same block.

    :param network: in evaluation mode; changed in place.
    :return: the network.
    """
    for block in network.modules():
        if not isinstance(block, nn.Sequential) or len(block) != 2:
            continue
        convolution, second = block[0], block[1]
        if isinstance(convolution, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(
            second, NormAct
        ):
            block[0] = fuse_conv_bn_eval(
                convolution, second.bn, isinstance(convolution, nn.ConvTranspose2d)
            )
            second.bn = nn.Identity()  # type: ignore[assignment]
    return network


def in_half_precision(graph: DeploymentGraph) -> DeploymentGraph:
    """Return a copy whose network computes in float16; normalisation and head stay in float32.

    :param graph: in float32; already rewritten, so that each weight is rounded once.
    """
    graph = copy.deepcopy(graph)
    graph.network.half()
    return graph


def classify(logits: Tensor, dim: int, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the best class and its probability.

    In the export, one TopK gives maximum and index: over five axes this is two to five times as
    fast in OpenVINO and ONNX Runtime as ArgMax beside ReduceMax or a whole softmax. In PyTorch
    itself TopK sorts: ``max`` takes a third of its time on a processor, and on CUDA TopK would
    start a block of threads for each pixel.

    :param logits: float32.
    :param dim: the axis of the classes, which is removed.
    :param temperature: of the softmax; the ids do not depend on it.
    :return: class ids and max softmax(logits / temperature), float32.
    """
    if torch.onnx.is_in_onnx_export():
        best, ids = logits.topk(1, dim=dim)
    else:
        best, ids = logits.max(dim, keepdim=True)
    below = logits - best
    if temperature != 1.0:
        below = below * (1 / temperature)
    # max softmax is the softmax term of the maximum, exp(0), over the sum of all terms.
    confidence = torch.exp(below).sum(dim=dim).reciprocal()
    # Not squeeze(): on an axis of unknown length, the exporter writes it as an If with results of
    # two ranks, which TensorRT before 10.4 refuses.
    return ids.flatten(dim - 1, dim).float(), confidence
