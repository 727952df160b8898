"""What a trained model lends to a new training."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from espnet_ros.bundle import Bundle
from espnet_ros.core.architecture import WHOLE
from espnet_ros.core.errors import CheckpointError
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.esp import BN_EPS, ESP


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
    if architecture == WHOLE and bundle.architecture['name'] != WHOLE:
        theirs = {f'encoder.{name}': tensor for name, tensor in theirs.items()}
    fitting = {n: t for n, t in theirs.items() if n in own and t.shape == own[n].shape}
    if not fitting:
        raise CheckpointError(
            f'{bundle.name} can not start this training: no tensor of '
            f'{dict(bundle.architecture)} fits into {architecture}'
        )
    return fitting


def passing_tensors(network: nn.Module, taken: Collection[str]) -> dict[str, Tensor]:
    """Return tensors that make the modules which a shallower model lacks pass on their input.

    A deeper network then begins with what the shallower one computes (Chen, Goodfellow, Shlens:
    Net2Net, 2016, section 2.4), as long as batch statistics are frozen: nothing comes out of the
    branches, to which the input is added, and neither normalisation nor slope changes it.

    :param network: that is trained.
    :param taken: names of the tensors taken from the model.
    """
    tensors: dict[str, Tensor] = {}
    for name, module in network.named_modules():
        level, _, _ = name.rpartition('.')
        passing = isinstance(module, ESP) and module.residual
        if passing and _has(taken, f'{level}.0') and not _has(taken, name):
            for key, tensor in module.state_dict().items():
                if key.startswith('branches.') or key.endswith(('bias', 'running_mean')):
                    tensors[f'{name}.{key}'] = torch.zeros_like(tensor)
                elif key.startswith('norm_act.') and tensor.is_floating_point():
                    tensors[f'{name}.{key}'] = torch.ones_like(tensor)
                if key == 'norm_act.bn.running_var':
                    tensors[f'{name}.{key}'] -= BN_EPS
    return tensors


def _has(names: Collection[str], module: str) -> bool:
    return any(name.startswith(f'{module}.') for name in names)
