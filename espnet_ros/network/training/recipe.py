"""What a training run depends on besides the data, and its learning rate over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from espnet_ros.core.architecture import WHOLE
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.input_size import LARGEST, STRIDE, is_size_wh

if TYPE_CHECKING:
    from torch import nn

WARM_UP = 0.1


@dataclass(frozen=True)
class Recipe:
    """What a run depends on besides the data.

    :param architecture: ``espnet``, or ``espnet_c``, its encoder alone, which the paper trains
        first.
    :param alpha2: residual modules at level 2.
    :param alpha3: residual modules at level 3.
    :param crop_wh: size of the training views, multiples of 8.
    :param batch: views per step, over all processes together.
    :param learning_rate: peak of the schedule.
    :param weight_decay: of the optimiser, as in AdamW.
    :param freeze_at: share of the epochs after which batch statistics stay fixed.
    :param paste: share of the views into which things of another sample's view are pasted.
    :param as_seen: views like whole images, see `espnet_ros.network.training.augment.AS_SEEN`.
    :param per_epoch: the most samples of each dataset in an epoch; None for all.
    :param seed: of initialisation and every random choice.
    :raises ParameterError: if the crop is not in multiples of 8, the batch is empty, `freeze_at`
        or `paste` is not a share, or the learning rate is not above 0; it lists all problems.
    """

    architecture: str = WHOLE
    alpha2: int = 2
    alpha3: int = 8
    crop_wh: tuple[int, int] = (352, 288)
    batch: int = 4
    learning_rate: float = 1e-2
    weight_decay: float = 1e-3
    freeze_at: float = 0.5
    paste: float = 0.0
    as_seen: bool = False
    per_epoch: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        problems = []
        if not is_size_wh(self.crop_wh):
            problems.append(
                f'crop must be two multiples of {STRIDE} up to {LARGEST}, got {self.crop_wh}'
            )
        if self.batch < 1:
            problems.append(f'batch must be at least 1, got {self.batch}')
        problems += [
            f'{name} must be a share, 0..1, got {getattr(self, name)}'
            for name in ('freeze_at', 'paste')
            if not 0 <= getattr(self, name) <= 1
        ]
        if not 0 < self.learning_rate < math.inf:
            problems.append(f'learning_rate must be above 0, got {self.learning_rate}')
        if problems:
            raise ParameterError('; '.join(problems))

    def architecture_of(self, classes: int) -> dict[str, Any]:
        """Return the `architecture` of a `Bundle` with this network."""
        skip = {'skip': 'joined'} if self.architecture == WHOLE else {}
        depths = {'alpha2': self.alpha2, 'alpha3': self.alpha3}
        return {'name': self.architecture, 'classes': classes, **depths, **skip}

    def drawn_of(self, size: int) -> int:
        """Return how many samples an epoch sees of a dataset of `size`."""
        return size if self.per_epoch is None else min(size, self.per_epoch)

    def network(self, classes: int) -> nn.Module:
        """Return a new network with random weights."""
        # Imported here, because the help of `espnet_ros train` must not wait for torch.
        from espnet_ros.network.espnet import create_network

        return create_network(**self.architecture_of(classes))


def learning_rate_at(progress: float, peak: float) -> float:
    """Return the rate at `progress` 0..1 of the run: linear warm-up, then half a cosine.

    It depends only on the progress, so a run can be resumed with more or fewer epochs.
    """
    if progress < WARM_UP:
        return peak * max(progress / WARM_UP, 0.01)
    return peak * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))
