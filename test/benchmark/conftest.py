"""A small real network, its pictures, and libraries that die."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from espnet_ros.core.labels import LabelClass, Labels

SIZE_WH = (64, 48)


@pytest.fixture(scope='session')
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an untrained ESPNet of four classes for 64x48 images."""
    torch = pytest.importorskip('torch')
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    pytest.importorskip('safetensors')
    from espnet_ros.network.espnet import ESPNet
    from espnet_ros.network.export import write_bundle_from_network

    torch.manual_seed(0)
    classes = [LabelClass(f'class{i}', (i, i, i), 'ground') for i in range(4)]
    bundle = write_bundle_from_network(
        ESPNet(4, 1, 1, 'raw').eval(),
        architecture={'name': 'espnet', 'classes': 4, 'alpha2': 1, 'alpha3': 1, 'skip': 'raw'},
        labels=Labels(classes),
        size_wh=SIZE_WH,
        mean=(100.0, 110.0, 120.0),
        std=(50.0, 60.0, 70.0),
        input_scale=1.0,
        metrics={},
        licence='Apache-2.0',
        name='small',
        output=tmp_path_factory.mktemp('models') / 'small',
    )
    return bundle.path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Write three pictures of the network's size."""
    folder = tmp_path / 'pictures'
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(3):
        coarse = random.integers(0, 256, (6, 8, 3), np.uint8)
        image = cv2.resize(coarse, SIZE_WH, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f'{index}.png'), image)
    return folder


@pytest.fixture
def dying_openvino(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an OpenVINO before the real one, in child processes, that ends whoever uses it."""
    package = tmp_path / 'libraries' / 'openvino'
    package.mkdir(parents=True)
    (package / '__init__.py').write_text(
        'import os, sys\n'
        'print("printed on standard output")\n'
        'print("illegal instruction", file=sys.stderr, flush=True)\n'
        'os._exit(4)\n'
    )
    monkeypatch.setenv('PYTHONPATH', str(package.parent))
