"""Batch normalisation while a network is trained."""

from __future__ import annotations

from torch import nn


def freeze_statistics(network: nn.Module, source: nn.Module) -> None:
    """Normalise by fixed statistics from now on, as inference does.

    Those of a batch differ from those of all images the more, the fewer images it has and the
    more unlike they are (streets and photographs of streets): what is learned under them does
    not hold under the others. Scale and shift are learned on.

    :param network: in training mode; `nn.Module.train` ends this.
    :param source: of the same architecture, whose statistics to take.
    """
    for mine, theirs in zip(network.modules(), source.modules(), strict=True):
        if isinstance(mine, nn.BatchNorm2d):
            mine.load_state_dict({**mine.state_dict(), **_statistics(theirs)})
            mine.eval()


def _statistics(norm: nn.Module) -> dict[str, object]:
    return dict(norm.named_buffers())
