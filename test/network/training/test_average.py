from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.espnet import create_network
from espnet_ros.network.export import write_bundle_from_network, write_bundle_like
from espnet_ros.network.training.average import WeightAverage, check_mean, mean_network


def model(
    folder: Path, weights: float, alpha3: int = 1, name: str = 'espnet_c',
    part: dict[str, Any] | None = None, **changes: Any,
) -> Bundle:  # fmt: skip
    """Write a network whose weights and batch statistics are all one number.

    :param part: of the architecture, beside its name and depths.
    """
    architecture = {'name': name, 'classes': 2, 'alpha2': 1, 'alpha3': alpha3, **(part or {})}
    network = create_network(**architecture)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.fill_(weights)
    labels = Labels([LabelClass('a', (1, 2, 3), 'ground'), LabelClass('b', (4, 5, 6), 'sky')])
    options: dict[str, Any] = {'labels': labels, 'mean': (0.0, 0.0, 0.0), **changes}
    return write_bundle_from_network(
        network, architecture, size_wh=(48, 32), std=(1.0, 1.0, 1.0), input_scale=1.0, metrics={},
        licence='Apache-2.0', name=folder.name, output=folder, **options,
    )  # fmt: skip


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


def test_the_mean_is_that_of_every_tensor_and_a_model_counts_as_often_as_given(
    tmp_path: Path,
) -> None:
    one, seven = model(tmp_path / 'one', 1.0), model(tmp_path / 'seven', 7.0)

    network = mean_network([one, seven, seven])

    tensors = {n: t for n, t in network.state_dict().items() if t.is_floating_point()}
    assert set(tensors) >= {'level1.0.weight', 'norm3.bn.running_var', 'norm3.act.weight'}
    assert {float(v) for t in tensors.values() for v in t.unique()} == {5.0}
    assert not network.training
    assert float(load_bundle(seven).state_dict()['level1.0.weight'].max()) == 7.0


def test_biases_of_classes_are_no_part_of_the_mean(tmp_path: Path) -> None:
    whole = {'skip': 'joined'}
    biased = model(tmp_path / 'b', 1.0, name='espnet', part={**whole, 'class_bias': True})
    plain = model(tmp_path / 'p', 7.0, name='espnet', part=whole)
    assert float(load_bundle(biased).state_dict()['up1.bias'].max()) == 1.0

    for bundles in ([biased, plain], [plain, biased]):
        network = mean_network(bundles)
        assert network.state_dict().keys() == load_bundle(plain).state_dict().keys()
        assert float(network.state_dict()['up1.weight'].max()) == 4.0

    # What is made of the biased one's description says so.
    written = write_bundle_like(biased, network, tmp_path / 'mean', 'mean', {}, 1.0)
    assert written.architecture == plain.architecture


def test_models_without_a_mean_are_told_in_what_they_differ(tmp_path: Path) -> None:
    ours = model(tmp_path / 'ours', 1.0)
    deep = model(tmp_path / 'deep', 1.0, alpha3=2, mean=(0.0, 9.0, 0.0))
    swapped = model(tmp_path / 'swapped', 1.0, labels=Labels(ours.labels[::-1]))

    with pytest.raises(ParameterError) as refusal:
        mean_network([ours, deep, swapped])

    text = str(refusal.value)
    assert f"architecture of {deep.path} is {{'name': 'espnet_c', 'classes': 2" in text
    assert f'mean of {deep.path} is (0.0, 9.0, 0.0), of {ours.path} (0.0, 0.0, 0.0)' in text
    assert f'classes of {swapped.path} must be those of {ours.path}, but class 0 is ' in text
    assert 'std' not in text
    with pytest.raises(ParameterError, match='at least two models, got 1'):
        mean_network([ours])


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('architecture', {'name': 'espnet_c', 'classes': 2, 'alpha2': 1, 'alpha3': 2}),
        ('size_wh', (64, 32)),
        ('mean', (0.0, 0.0, 9.0)),
        ('std', (1.0, 2.0, 1.0)),
        ('input_scale', 0.5),
        ('licence', 'MIT'),
    ],
)
def test_models_that_differ_in_one_thing_have_no_mean(
    key: str, value: object, tmp_path: Path
) -> None:
    ours = model(tmp_path / 'ours', 1.0)
    theirs = dataclasses.replace(ours, **{key: value})
    with pytest.raises(ParameterError) as refusal:
        check_mean([ours, theirs])
    words = f'{key} of {ours.path} is {value}, of {ours.path} {getattr(ours, key)}'
    assert str(refusal.value) == f'these models cannot be averaged: {words}'
    check_mean([ours, dataclasses.replace(ours)])
