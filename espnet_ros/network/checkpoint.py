"""Weights in: the authors' published checkpoints (.pth) and our own safetensors files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from espnet_ros.bundle import Bundle
from espnet_ros.core.architecture import LEVEL_CHANNELS
from espnet_ros.core.errors import BundleError, CheckpointError
from espnet_ros.network.espnet import create_network

# Our names -> the authors', applied in this order, because their module names differ between the
# strided and the residual ESP modules.
_RENAMES = (
    (r'^(level1|merge1)\.0\.', r'\1.conv.'),
    (r'^(level1|merge1)\.1\.', r'\1.'),
    (r'^merge1\.', 'conv.'),
    (r'^norm([123])\.(bn|act)\.', r'b\1.\2.'),
    (r'^norm3\.', 'br.'),
    (r'^(level[23])\.down\.norm_act\.', r'\1_0.'),
    (r'^(level[23])\.down\.', r'\1_0.'),
    (r'^(level[23])\.blocks\.', r'\1.'),
    (r'\.norm_act\.', '.bn.'),
    (r'\.reduce\.', '.c1.conv.'),
    (r'^classifier\.', 'classifier.conv.'),
    (r'^project2\.', 'level3_C.conv.'),
    (r'^merge2\.', 'combine_l2_l3.'),
    (r'^up([23])\.([01])\.', r'up_l\1.\2.'),
    (r'^up3\.', 'up_l3.0.'),
    (r'^up1\.', 'classifier.'),
)


def official_name(name: str) -> str:
    """Return the name of one of our tensors in the authors' code.

    :param name: a key of the state dict of an `Encoder` or `ESPNet`.
    """
    prefix = 'encoder.' if name.startswith('encoder.') else ''
    name = name[len(prefix) :]
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    # The authors name branch k after its dilation.
    return prefix + re.sub(r'\.branches\.(\d+)\.', lambda m: f'.d{2 ** int(m[1])}.conv.', name)


def import_official(
    path: str | os.PathLike[str], classes: int
) -> tuple[nn.Module, dict[str, int | str]]:
    """Load a checkpoint of the authors' code, encoder (ESPNet-C) or whole ESPNet.

    :param path: the ``.pth`` file; only tensors are read from it, no code runs.
    :param classes: how many it must have, void included.
    :return: the network in evaluation mode and its architecture, for `Bundle`.
    :raises CheckpointError: if the file is unreadable or its tensors are not exactly those of
        the architecture; it lists all missing, extra and misshapen ones.
    """
    tensors = _read(path)
    architecture = infer_architecture(tensors, classes)
    if architecture['classes'] != classes:
        raise CheckpointError(
            f'{path} has {architecture["classes"]} classes, but {classes} were asked for (with '
            'void): choose the labels it was trained with'
        )
    network = create_network(**architecture)
    load_strictly(network, tensors, f'checkpoint {path}', official_name)
    return network.eval(), architecture


def infer_architecture(tensors: Mapping[str, Tensor], classes: int) -> dict[str, Any]:
    """Infer name, classes, alpha2, alpha3 and skip from the tensors of an official checkpoint.

    :param classes: assumed if the classifier, whose shape gives them, is missing.
    """
    whole = any(name.startswith('encoder.') for name in tensors)
    prefix = 'encoder.' if whole else ''
    classifier = tensors.get(f'{prefix}classifier.conv.weight')
    found = classes if classifier is None else classifier.shape[0]
    architecture: dict[str, Any] = {
        'name': 'espnet' if whole else 'espnet_c',
        'classes': found,
        'alpha2': _depth(tensors, f'{prefix}level2.'),
        'alpha3': _depth(tensors, f'{prefix}level3.'),
    }
    if whole:
        merge = tensors.get('conv.conv.weight')
        raw = merge is not None and merge.ndim == 4 and merge.shape[1] == found + LEVEL_CHANNELS[0]
        architecture['skip'] = 'raw' if raw else 'joined'
    return architecture


def load_bundle(bundle: Bundle) -> nn.Module:
    """Build the network of a model folder with its weights, on the CPU in evaluation mode.

    :raises CheckpointError: if the tensors are not exactly those of the architecture.
    :raises BundleError: if the weights are not a safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(bundle.files['weights'])
    except SafetensorError as error:
        raise BundleError(
            f'{bundle.files["weights"]} is not a safetensors file: {error}'
        ) from error
    network = create_network(**bundle.architecture)
    load_strictly(network, tensors, str(bundle.files['weights']))
    return network.eval()


def load_strictly(
    network: nn.Module, tensors: Mapping[str, Tensor], source: str, rename: Any = str
) -> None:
    """Fill a network with tensors; names and shapes must be exactly its own.

    :param source: where they are from, for the message.
    :param rename: our tensor name -> the name in `tensors`.
    :raises CheckpointError: listing every missing, extra and misshapen tensor.
    """
    own = {n: t for n, t in network.state_dict().items() if not _is_counter(n)}
    names = {rename(name): name for name in own}
    given = {n: t for n, t in tensors.items() if not _is_counter(n)}
    problems = [f'{n} is missing' for n in names if n not in given]
    problems += [f'{n} is not part of the architecture' for n in given if n not in names]
    problems += [
        f'{n} has shape {tuple(given[n].shape)}, expected {tuple(own[names[n]].shape)}'
        for n in names
        if n in given and given[n].shape != own[names[n]].shape
    ]
    if problems:
        raise CheckpointError(
            f'{source} refused, {len(problems)} of its tensors are not those of '
            f'{type(network).__name__}: {"; ".join(problems)}'
        )
    with torch.no_grad():
        for name, ours in names.items():
            own[ours].copy_(given[name])


def _is_counter(name: str) -> bool:
    # BatchNorm's step counter: useless without momentum=None, and absent from old files.
    return name.endswith('.num_batches_tracked')


def _depth(tensors: Mapping[str, Tensor], prefix: str) -> int:
    indices = [n[len(prefix) :].split('.')[0] for n in tensors if n.startswith(prefix)]
    return max((int(i) + 1 for i in indices if i.isdigit()), default=0)


def _read(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    try:
        # The published encoders are CUDA tensors.
        content = torch.load(path, map_location='cpu', weights_only=True)
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read: {error.strerror or error}') from error
    except Exception as error:  # The unpickler may raise anything, depending on the bytes.
        # The rest of PyTorch's message recommends weights_only=False, which may run code.
        reason = str(error).strip().partition('. ')[0].splitlines()
        raise CheckpointError(
            f'{path} is not a checkpoint of tensors, or is cut short '
            f'({"".join(reason) or "no data"}): expected a state dict as torch.save writes it, '
            'get the file again'
        ) from error
    if not isinstance(content, dict) or not all(isinstance(t, Tensor) for t in content.values()):
        raise CheckpointError(
            f'{path} must hold a state dict (tensor name -> tensor), got a '
            f"{type(content).__name__}: save `network.state_dict()` of the authors' code"
        )
    return dict(content)
