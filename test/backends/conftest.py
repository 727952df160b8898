"""Models for the contract: one whose masks are known by hand, one with the authors' weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from fake_tensorrt import backend, built, fake_cuda  # noqa: F401

from espnet_ros.bundle import Bundle
from espnet_ros.core.labels import LabelClass, Labels

# Exporting a model, and with it every test here, needs these.
_NEEDED = ('torch', 'safetensors', 'onnx', 'onnxruntime')
_MISSING = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
collect_ignore_glob = ['test_*.py'] if _MISSING else []


@pytest.fixture(scope='session', autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Keep the engines that are built here out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
        yield


def _checker_network():
    """Return an ESPNet that sees nothing but the brightness b of pixel (2i, 2j), -1..1.

    It gives class 3 a score of -b in the whole 2 x 2 block, and b to classes 1 0 / 2 4, one in
    each of the block's pixels; the other scores are 0. So a bright block is 1 0 / 2 4 and a dark
    one 3 3 / 3 3, both with a probability of e / (e + 1/e + 3) = 0.4466 (confidence 114).
    """
    import torch

    from espnet_ros.network.esp import BN_EPS
    from espnet_ros.network.espnet import ESPNet

    network = ESPNet(5, 1, 1, 'raw')
    with torch.no_grad():
        for block in (network.encoder.level1, network.merge1):
            block[0].weight.zero_()
            block[1].bn.running_var.fill_(1 - BN_EPS)
            block[1].act.weight.fill_(1.0)
        network.encoder.level1[0].weight[0, :, 1, 1] = 1 / 3
        network.merge1[0].weight[0, 5, 1, 1] = 1.0
        network.up1.weight.zero_()
        network.up1.weight[0, 3] = -1.0
        for (row, column), class_id in {(0, 0): 1, (0, 1): 0, (1, 0): 2, (1, 1): 4}.items():
            network.up1.weight[0, class_id, row, column] = 1.0
    return network


@pytest.fixture(scope='session')
def checker(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Write and load the model folder of the network above, for 64x48 images."""
    from espnet_ros.network.export import write_bundle_from_network
    from espnet_ros.network.quantize import add_int8
    from espnet_ros.network.training.datasets import Sample

    classes = [LabelClass(f'class{i}', (i, i, i), 'ground') for i in range(5)]
    bundle = write_bundle_from_network(
        _checker_network(),
        architecture={'name': 'espnet', 'classes': 5, 'alpha2': 1, 'alpha3': 1, 'skip': 'raw'},
        labels=Labels(classes),
        size_wh=(64, 48),
        mean=(127.5,) * 3,
        std=(127.5,) * 3,
        input_scale=1.0,
        metrics={},
        licence='Apache-2.0',
        name='checker',
        output=tmp_path_factory.mktemp('models') / 'checker',
    )
    # Left half bright, right half dark.
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32] = 255
    truth = np.full((48, 64), 3, np.uint8)
    truth[:, :32] = np.tile([[1, 0], [2, 4]], (24, 16))
    sample = Sample('', image, truth)
    bundle, figures = add_int8(bundle, bundle.path, [sample], [sample])
    assert (figures.miou_f32, figures.miou_int8) == (1.0, 1.0)
    return bundle


@pytest.fixture(scope='session')
def official(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Import the authors' CamVid weights."""
    import argparse

    from espnet_ros.cli import import_checkpoint

    folder = tmp_path_factory.mktemp('models') / 'official'
    parser = argparse.ArgumentParser()
    import_checkpoint.add_arguments(parser)
    file = shared / 'espnet_official' / 'espnet_p_2_q_8_camvid.pth'
    arguments = [str(file), '--labels', 'camvid', '--output', str(folder)]
    import_checkpoint.run(parser.parse_args(arguments))
    return Bundle.load(folder)
