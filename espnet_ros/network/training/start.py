"""What a new training takes from a trained model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from espnet_ros.bundle import Bundle
from espnet_ros.core.architecture import WHOLE
from espnet_ros.core.errors import CheckpointError
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.esp import BN_EPS, ESP

# The axis along which each channel belongs to one class: in the scores of the encoder, up to where
# the decoder merges them, and in the final scores. The decoder's other tensors have as many
# channels as there are classes, too, but these belong to no class.
_CLASS_AXES = {
    'classifier.weight': 0,
    'encoder.classifier.weight': 0,
    **{f'norm3.{name}': 0 for name in ('weight', 'bias', 'running_mean', 'running_var')},
    'up3.weight': 0,
    'up1.weight': 1,
}


class Lent(NamedTuple):
    """What is taken from a model.

    :param tensors: by their names in the network to train.
    :param classes: names of the classes whose output is taken, too.
    """

    tensors: dict[str, Tensor]
    classes: tuple[str, ...]


def fitting_tensors(
    own: Mapping[str, Tensor], architecture: str, classes: Sequence[str], bundle: Bundle
) -> Lent:
    """Return a model's tensors that have the same name and shape as a network's own.

    Channels that belong to a class are matched by the class's name, in any order; a class that
    the model does not know keeps the network's own values. If no class is shared, or the number
    of classes differs, the decoder starts anew.

    :param own: tensors of the network to train.
    :param architecture: of that network, ``espnet`` or ``espnet_c``; a whole ESPNet can take the
        encoder of an ESPNet-C.
    :param classes: names of the classes to learn.
    :raises CheckpointError: if no tensor fits.
    """
    theirs = load_bundle(bundle).state_dict()
    if architecture == WHOLE and bundle.architecture['name'] != WHOLE:
        theirs = {f'encoder.{name}': tensor for name, tensor in theirs.items()}
    names = bundle.labels.names
    shared = tuple(name for name in classes if name in names)

    def is_lent(name: str) -> bool:
        if architecture == WHOLE and not name.startswith('encoder.'):
            return bool(shared) and len(names) == len(classes)
        return bool(shared) or name not in _CLASS_AXES

    ids = [(classes.index(name), names.index(name)) for name in shared]
    fitting = {}
    for name, tensor in theirs.items():
        if name in own and is_lent(name):
            axis = _CLASS_AXES.get(name)
            found = tensor if axis is None else _by_class(own[name], tensor, axis, ids)
            if found.shape == own[name].shape:
                fitting[name] = found
    if not fitting:
        raise CheckpointError(
            f'training cannot start from {bundle.name}: no tensor of '
            f'{dict(bundle.architecture)} fits into {architecture}'
        )
    scores = 'up1.weight' if architecture == WHOLE else 'classifier.weight'
    return Lent(fitting, shared if scores in fitting else ())


def _by_class(
    own: Tensor, theirs: Tensor, axis: int, ids: Sequence[tuple[int, int]]
) -> Tensor:
    """Return a network's own tensor with the model's channels for the classes that both have.

    :param ids: pairs of class ids, in the network and in the model.
    :return: on the CPU; the model's tensor unchanged, if other axes differ, too.
    """
    if own.select(axis, 0).shape != theirs.select(axis, 0).shape:
        return theirs
    here, there = torch.tensor(ids).T
    return own.cpu().index_copy(axis, here, theirs.index_select(axis, there))


def passing_tensors(network: nn.Module, taken: Collection[str]) -> dict[str, Tensor]:
    """Return tensors that turn the modules which a shallower model lacks into identities.

    A deeper network then starts by computing what the shallower one does (Chen, Goodfellow,
    Shlens: Net2Net, 2016, section 2.4), as long as batch statistics are frozen: the branches give
    0, the module adds its input, and neither normalisation nor slope changes the sum.

    :param network: the network to train.
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
