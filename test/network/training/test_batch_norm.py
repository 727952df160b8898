"""Fixed statistics: what a batch holds no longer matters; scale and shift still learn."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip('torch')

from torch import Tensor, nn

from espnet_ros.network.training.batch_norm import freeze_statistics


def normalising(mean: float, var: float) -> nn.Sequential:
    norm = nn.BatchNorm2d(2, eps=1e-9)
    norm.running_mean.fill_(mean)
    norm.running_var.fill_(var)
    return nn.Sequential(norm, nn.ReLU())


def batch() -> Tensor:
    return torch.arange(2 * 2 * 3 * 5, dtype=torch.float32).reshape(2, 2, 3, 5)


def test_the_statistics_are_the_sources_whatever_the_batch() -> None:
    network = normalising(0.0, 1.0).train()

    freeze_statistics(network, normalising(10.0, 4.0))

    torch.testing.assert_close(network(batch()), ((batch() - 10) / 2).relu())
    assert torch.equal(network[0].running_mean, torch.full((2,), 10.0))


def test_scale_and_shift_stay_the_networks_own_and_learn() -> None:
    network, source = normalising(0.0, 1.0).train(), normalising(10.0, 4.0)
    nn.init.constant_(network[0].weight, 3.0)

    freeze_statistics(network, source)
    network(batch()).sum().backward()

    assert network[0].weight.tolist() == [3.0, 3.0]
    assert source[0].weight.tolist() == [1.0, 1.0]
    assert network[0].weight.grad.abs().min() > 0


def test_training_mode_ends_it() -> None:
    network = normalising(0.0, 1.0).train()
    freeze_statistics(network, copy.deepcopy(network))

    network.train()
    network(batch())

    assert network[0].running_mean.abs().min() > 0
