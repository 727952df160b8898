"""What a trained model lends to a new training."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import CheckpointError
from espnet_ros.network.checkpoint import load_bundle


def fitting_tensors(
    own: Mapping[str, Tensor], architecture: str, bundle: Bundle
) -> dict[str, Tensor]:
    """Return a model's tensors of the same name and shape as a network's own.

    :param own: of the network that is trained.
    :param architecture: of it, ``espnet`` or ``espnet_c``; an ESPNet-C lends the whole its
        encoder.
    :raises CheckpointError: if there is none.
    """
    theirs = load_bundle(bundle).state_dict()
    if architecture == 'espnet' and bundle.architecture['name'] != 'espnet':
        theirs = {f'encoder.{name}': tensor for name, tensor in theirs.items()}
    fitting = {n: t for n, t in theirs.items() if n in own and t.shape == own[n].shape}
    if not fitting:
        raise CheckpointError(
            f'{bundle.name} can not start this training: no tensor of '
            f'{dict(bundle.architecture)} fits into {architecture}'
        )
    return fitting
