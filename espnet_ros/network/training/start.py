"""What a trained model lends to a new training."""

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

# Along which axis each channel is of one class: in the scores of the encoder, up to where the
# decoder takes them in, and in those of the whole. Of all other channels of the decoder there are
# as many as classes, but none of them is of one.
_CLASS_AXES = {
    'classifier.weight': 0,
    'encoder.classifier.weight': 0,
    **{f'norm3.{name}': 0 for name in ('weight', 'bias', 'running_mean', 'running_var')},
    'up3.weight': 0,
    'up1.weight': 1,
}


class Lent(NamedTuple):
    """What is taken from a model.

    :param tensors: by their names in the network that is trained.
    :param classes: names of those whose output is taken, too.
    """

    tensors: dict[str, Tensor]
    classes: tuple[str, ...]


def fitting_tensors(
    own: Mapping[str, Tensor], architecture: str, classes: Sequence[str], bundle: Bundle
) -> Lent:
    """Return a model's tensors of the same name and shape as a network's own.

    What tells classes from each other goes over by the names of the classes, whatever their order:
    a new one keeps what the network has of it. Without a class in common, or of another number of
    classes, the decoder begins anew.

    :param own: of the network that is trained.
    :param architecture: of it, ``espnet`` or ``espnet_c``; an ESPNet-C lends the whole its
        encoder.
    :param classes: names of those that are learned.
    :raises CheckpointError: if there is none.
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
            f'{bundle.name} can not start this training: no tensor of '
            f'{dict(bundle.architecture)} fits into {architecture}'
        )
    scores = 'up1.weight' if architecture == WHOLE else 'classifier.weight'
    return Lent(fitting, shared if scores in fitting else ())


def _by_class(
    own: Tensor, theirs: Tensor, axis: int, ids: Sequence[tuple[int, int]]
) -> Tensor:
    """Return a network's own tensor with the channels of a model where classes are the same.

    :param ids: of the same classes here and there.
    :return: on the CPU; the model's tensor as it is, if they differ in other axes, too.
    """
    if own.select(axis, 0).shape != theirs.select(axis, 0).shape:
        return theirs
    here, there = torch.tensor(ids).T
    return own.cpu().index_copy(axis, here, theirs.index_select(axis, there))


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
