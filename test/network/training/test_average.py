from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from espnet_ros.network.training.average import WeightAverage


def test_young_averages_follow_fast_and_counters_are_copied() -> None:
    network = torch.nn.BatchNorm2d(1)
    average = WeightAverage(network)
    with torch.no_grad():
        network.weight.fill_(12.0)
        network.num_batches_tracked.fill_(7)
    average.update(network)
    # After the first step the old average counts 1/11: 1/11 + 10/11 * 12 = 11.
    assert float(average.network.weight) == pytest.approx(11.0)
    assert int(average.network.num_batches_tracked) == 7
    average.steps = 10**6
    average.update(network)
    assert float(average.network.weight) == pytest.approx(11.0 + 0.005)
    assert not average.network.weight.requires_grad
