"""The ESPNet family (Mehta et al., ECCV 2018, section 3.3 and figure 4).

Encoders work at 1/2, 1/4 and 1/8 of the image size (levels 1 to 3):

- ESPNet-A: ESP modules and strided ESP modules, one after the other;
- ESPNet-B: A, with the output of each strided module concatenated to that of its level's last
  module;
- ESPNet-C: B, with the average-pooled image concatenated at levels 1 and 2;
- ESPNet: C, with a light decoder that merges the scores of levels 3, 2 and 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from espnet_ros.core.architecture import (
    ARCHITECTURES,
    ENCODERS,
    IMAGE_CHANNELS,
    LEVEL_CHANNELS,
    SKIPS,
    branches_of,
)
from espnet_ros.network.esp import BN_EPS, ESP, NormAct, conv


def conv_norm_act(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Return a 3 x 3 convolution with batch normalisation and PReLU."""
    return nn.Sequential(conv(in_channels, out_channels, 3, stride), NormAct(out_channels))


def upsample(channels: int, bias: bool = False) -> nn.ConvTranspose2d:
    """Return a learned 2 x 2 up-sampling, which doubles height and width."""
    return nn.ConvTranspose2d(channels, channels, 2, stride=2, bias=bias)


class Level(nn.Module):
    """A strided ESP module, followed by `depth` residual ones.

    :param share: concatenate the strided module's output to the last one's, as in ESPNet-B.
    """

    def __init__(self, in_channels: int, channels: int, depth: int, share: bool) -> None:
        super().__init__()
        self.down = ESP(in_channels, channels, stride=2)
        blocks = (ESP(channels, channels, residual=True) for _ in range(depth))
        self.blocks = nn.Sequential(*blocks)
        self.share = share
        self.out_channels = 2 * channels if share else channels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the strided module's output and the last one's, both (B, C, H / 2, W / 2)."""
        down = self.down(x)
        return down, self.blocks(down)


class Encoder(nn.Module):
    """ESPNet-A, -B or -C: class scores at 1/8 of the image size.

    :param classes: channels of the output.
    :param alpha2: residual ESP modules at level 2 (the paper's; official code: p).
    :param alpha3: residual ESP modules at level 3 (official code: q).
    :param share: long-range connection across each level (B and C).
    :param reinforce: feed the down-sampled image in again at levels 1 and 2 (C).
    """

    def __init__(
        self, classes: int, alpha2: int = 2, alpha3: int = 8, share: bool = True,
        reinforce: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        image = IMAGE_CHANNELS if reinforce else 0
        level1, level2, level3 = LEVEL_CHANNELS
        self.share, self.reinforce = share, reinforce
        self.level1 = conv_norm_act(IMAGE_CHANNELS, level1, stride=2)
        self.norm1 = NormAct(level1 + image) if reinforce else nn.Identity()
        self.level2 = Level(level1 + image, level2, alpha2, share)
        joined2 = self.level2.out_channels + image
        self.norm2 = NormAct(joined2) if share else nn.Identity()
        self.level3 = Level(joined2, level3, alpha3, share)
        self.norm3 = NormAct(self.level3.out_channels) if share else nn.Identity()
        self.classifier = conv(self.level3.out_channels, classes, 1)
        self.shrink = nn.AvgPool2d(3, stride=2, padding=1)

    def enter(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return level 1 before its image is joined (16 channels), after it, the image at 1/4."""
        raw1 = self.level1(image)
        if not self.reinforce:
            return raw1, self.norm1(raw1), None
        half = self.shrink(image)
        return raw1, self.norm1(torch.cat([raw1, half], 1)), self.shrink(half)

    def features(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the raw level 1 output (16 channels) and the outputs of levels 1, 2 and 3."""
        raw1, out1, quarter = self.enter(image)
        down2, last2 = self.level2(out1)
        parts2 = [last2, down2] if self.share else [last2]
        if quarter is not None:
            parts2.append(quarter)
        out2 = self.norm2(torch.cat(parts2, 1))
        down3, last3 = self.level3(out2)
        out3 = self.norm3(torch.cat([down3, last3], 1) if self.share else last3)
        return raw1, out1, out2, out3

    def forward(self, image: Tensor) -> Tensor:
        """Turn a normalised image (B, 3, H, W) into logits (B, classes, H / 8, W / 8)."""
        return self.classifier(self.features(image)[-1])  # type: ignore[no-any-return]


class ESPNet(nn.Module):
    """ESPNet-C with the light decoder: logits at image size.

    :param classes: channels of the output.
    :param alpha2: residual ESP modules at level 2.
    :param alpha3: residual ESP modules at level 3.
    :param skip: what level 1 feeds into the last convolution: ``'joined'`` is its 19 channels
        with the image (the published CamVid weights), ``'raw'`` the 16 without the image (the
        published Cityscapes weights).
    :param class_bias: add a bias to the logits of each class, see `espnet_ros.core.class_bias`;
        the paper's network, and one in training, has none.
    """

    def __init__(
        self, classes: int, alpha2: int = 2, alpha3: int = 8, skip: str = 'joined',
        class_bias: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if skip not in SKIPS:
            raise ValueError(f'skip must be {" or ".join(SKIPS)}, got {skip!r}')
        self.skip = skip
        self.encoder = Encoder(classes, alpha2, alpha3)
        skip_channels = LEVEL_CHANNELS[0] + (IMAGE_CHANNELS if skip == 'joined' else 0)
        self.norm3 = nn.BatchNorm2d(classes, eps=BN_EPS)
        self.up3 = upsample(classes)
        self.project2 = conv(self.encoder.level3.down.reduce.in_channels, classes, 1)
        merge = ESP(2 * classes, classes, branches=branches_of(classes))
        self.merge2 = nn.Sequential(NormAct(2 * classes), merge)
        self.up2 = nn.Sequential(upsample(classes), NormAct(classes))
        self.merge1 = conv_norm_act(classes + skip_channels, classes)
        self.up1 = upsample(classes, class_bias)

    def decode1(self, image: Tensor) -> Tensor:
        """Turn a normalised image (B, 3, H, W) into features (B, classes, H / 2, W / 2).

        The last up-sampling is left to the caller: it is linear and treats each 2 x 2 block on
        its own, which the deployment graph exploits.
        """
        raw1, out1, out2, out3 = self.encoder.features(image)
        scores3 = self.up3(self.norm3(self.encoder.classifier(out3)))
        scores2 = self.up2(self.merge2(torch.cat([self.project2(out2), scores3], 1)))
        skip = out1 if self.skip == 'joined' else raw1
        return self.merge1(torch.cat([scores2, skip], 1))  # type: ignore[no-any-return]

    def forward(self, image: Tensor) -> Tensor:
        """Turn a normalised image (B, 3, H, W) into logits (B, classes, H, W)."""
        return self.up1(self.decode1(image))  # type: ignore[no-any-return]


def without_class_bias(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """Return the architecture of a network in training, which has no class bias."""
    return {key: value for key, value in architecture.items() if key != 'class_bias'}


def create_network(name: str, **options: int | str) -> nn.Module:
    """Build a network of the family.

    :param name: one of `ARCHITECTURES`.
    :param options: classes, alpha2, alpha3; skip and class_bias for ``espnet``.
    :raises ValueError: for an unknown name.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f'architecture must be one of {", ".join(ARCHITECTURES)}, got {name!r}')
    if name in ENCODERS:
        return Encoder(**options, **ENCODERS[name]._asdict())  # type: ignore[arg-type]
    return ESPNet(**options)  # type: ignore[arg-type]
