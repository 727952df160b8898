"""Averages of weights: over the last steps of a run, and over the models of several runs."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import ParameterError
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.espnet import ESPNet, without_class_bias

DECAY = 0.995
# What models must share besides their classes, else the mean of their weights is meaningless.
SHARED = ('architecture', 'size_wh', 'mean', 'std', 'input_scale', 'licence')


class WeightAverage:
    """An exponential average over the last steps, better than the weights of any single step.

    :param network: its weights are the first value.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Include the weights after one more step."""
        self.steps += 1
        # The first steps count little: their weights are still near the random start.
        decay = min(DECAY, self.steps / (self.steps + 10))
        for mine, theirs in zip(
            self.network.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - decay)
            else:
                mine.copy_(theirs)


def mean_network(bundles: Sequence[Bundle]) -> nn.Module:
    """Return the network whose weights and batch statistics are the mean of several models'.

    Models that were trained from the same start lie in one basin of the loss, and their mean is
    often better than any of them (Wortsman et al.: Model soups, ICML 2022, section 2). The mean
    has no class biases: those of the models do not fit it.

    :param bundles: at least two; one that is given twice counts twice.
    :return: on the CPU in evaluation mode.
    :raises ParameterError: if there is only one, or if they differ; it lists the differences.
    """
    check_mean(bundles)
    networks = [as_trained(bundle) for bundle in bundles]
    states = [network.state_dict() for network in networks]
    for name, tensor in states[0].items():
        if tensor.is_floating_point():
            tensor.copy_(torch.stack([state[name] for state in states]).mean(0))
    return networks[0]


def as_trained(bundle: Bundle) -> nn.Module:
    """Return a model's network without class biases, on the CPU."""
    network = load_bundle(bundle)
    if isinstance(network, ESPNet):
        network.up1.bias = None
    return network


def check_mean(bundles: Sequence[Bundle]) -> None:
    """Refuse models whose mean would be meaningless.

    :raises ParameterError: if there is only one, or if they differ; it lists the differences.
    """
    if len(bundles) < 2:
        raise ParameterError(f'a mean needs at least two models, got {len(bundles)}')
    first, *others = bundles
    problems = [problem for other in others for problem in _differences(first, other)]
    if problems:
        raise ParameterError(f'these models cannot be averaged: {"; ".join(problems)}')


def _differences(first: Bundle, other: Bundle) -> Iterator[str]:
    # Class tables are long, so list only their differences.
    classes = first.labels.differences(other.labels)
    if classes:
        yield (
            f'the classes of {other.path} must be those of {first.path}, but {", ".join(classes)}'
        )
    for key in SHARED:
        ours, theirs = (_shared(bundle, key) for bundle in (first, other))
        if theirs != ours:
            yield f'{key} of {other.path} is {theirs}, of {first.path} {ours}'


def _shared(bundle: Bundle, key: str) -> Any:
    value = getattr(bundle, key)
    return without_class_bias(value) if key == 'architecture' else value
