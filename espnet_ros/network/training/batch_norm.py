"""Batch normalisation while a network is trained."""

from __future__ import annotations

from torch import nn


def freeze_statistics(network: nn.Module, source: nn.Module) -> None:
    """Normalise with fixed statistics from now on, as inference does.

    The statistics of a batch differ from those of all images, the more so for small batches and
    unlike images (rendered streets and photographs): what is learned with batch statistics does
    not hold with fixed ones. Scale and shift are still learned.

    :param network: in training mode; `nn.Module.train` ends this.
    :param source: a network of the same architecture, which provides the statistics.
    """
    for mine, theirs in zip(network.modules(), source.modules(), strict=True):
        if isinstance(mine, nn.BatchNorm2d):
            mine.load_state_dict({**mine.state_dict(), **_statistics(theirs)})
            mine.eval()


def _statistics(norm: nn.Module) -> dict[str, object]:
    return dict(norm.named_buffers())
