"""The ESP module: efficient spatial pyramid of dilated convolutions (Mehta et al., ECCV 2018).

Reduce, split, transform, merge (section 3.1): a point-wise convolution reduces the input to
d = N / K channels, K parallel n x n convolutions with dilations 2^0 .. 2^(K-1) transform it, and
hierarchical feature fusion (HFF) adds their outputs up step by step before concatenation, which
removes the gridding artifacts of the large dilations.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from espnet_ros.core.architecture import BRANCHES

# The published weights were trained with this epsilon on inputs of about +-0.01; PyTorch's
# default of 1e-5 gives visibly different masks there.
BN_EPS = 1e-3


def conv(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """Return a bias-free convolution that keeps the size (divided by `stride`, rounded up)."""
    padding = (kernel - 1) // 2 * dilation
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, bias=False)


class NormAct(nn.Sequential):
    """Batch normalisation followed by PReLU with one slope per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, eps=BN_EPS)
        self.act = nn.PReLU(channels)


class ESP(nn.Module):
    """One ESP module; if strided, the reduction is an n x n convolution of stride 2.

    :param in_channels: M.
    :param out_channels: N; the K branches share it as evenly as possible, the undilated branch
        takes the remainder (64 = 16 + 4 * 12 for K = 5).
    :param branches: K >= 1; branch k has dilation 2^k, so the effective receptive field is
        [(n - 1) 2^(K - 1) + 1]^2 pixels of the reduced map.
    :param kernel: n, odd.
    :param stride: 1, or 2 for the strided module between levels.
    :param residual: add the input to the merged output (needs M == N and stride 1).
    :param fusion: use hierarchical feature fusion; without it one can study the gridding.
    :raises ValueError: for parameters outside these limits.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        branches: int = BRANCHES,
        kernel: int = 3,
        stride: int = 1,
        residual: bool = False,
        fusion: bool = True,
    ) -> None:
        super().__init__()
        if not 1 <= branches <= out_channels:
            raise ValueError(f'branches must be 1..{out_channels} (the channels), got {branches}')
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f'kernel must be odd, got {kernel}')
        if residual and (stride != 1 or in_channels != out_channels):
            raise ValueError(
                'a residual module needs stride 1 and as many input as output channels, got '
                f'stride {stride}, {in_channels} and {out_channels} channels'
            )
        width = out_channels // branches
        widths = [out_channels - (branches - 1) * width] + [width] * (branches - 1)
        self.reduce = conv(in_channels, width, 1 if stride == 1 else kernel, stride)
        self.branches = nn.ModuleList(
            conv(width, w, kernel, dilation=2**k) for k, w in enumerate(widths)
        )
        self.norm_act = NormAct(out_channels)
        self.residual = residual
        self.fusion = fusion

    def forward(self, x: Tensor) -> Tensor:
        """Transform (B, M, H, W) into (B, N, H / stride, W / stride)."""
        reduced = self.reduce(x)
        outputs = [branch(reduced) for branch in self.branches]
        if self.fusion:
            # The undilated branch stays out of the sums: it is wider where N / K has a
            # remainder, and the published weights were trained without it.
            for k in range(2, len(outputs)):
                outputs[k] = outputs[k] + outputs[k - 1]
        merged = torch.cat(outputs, dim=1)
        return self.norm_act(x + merged if self.residual else merged)  # type: ignore[no-any-return]
