"""The model that takes the image for the mask, as shipped, made anew and run."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from espnet_ros.backends import create_backend
from espnet_ros.bundle import Bundle
from espnet_ros.core.labels import CAMVID
from espnet_ros.demo.mask_model import FOLDER, write_mask_model


def test_the_shipped_folder_is_sound():
    bundle = Bundle.load(FOLDER)
    assert bundle.name == 'true_masks' and bundle.labels == CAMVID


def test_the_shipped_folder_is_what_the_code_makes(tmp_path):
    onnx = pytest.importorskip('onnx')
    fresh = write_mask_model(tmp_path / 'fresh').path
    # Compared as content: other releases of onnx may order its bytes otherwise.
    ours, theirs = (onnx.load(folder / 'model.onnx') for folder in (FOLDER, fresh))
    assert ours == theirs
    weights = [(folder / 'weights.safetensors').read_bytes() for folder in (FOLDER, fresh)]
    assert weights[0] == weights[1]
    described = [yaml.safe_load((folder / 'model.yaml').read_text()) for folder in (FOLDER, fresh)]
    for description in described:
        del description['files']
    assert described[0] == described[1]


@pytest.mark.parametrize('library', ['openvino', 'onnxruntime'])
def test_the_mask_is_channel_0_and_sure(library):
    pytest.importorskip(library)
    backend = library.removesuffix('runtime')
    rng = np.random.default_rng(0)
    with create_backend(backend, Bundle.load(FOLDER), 'cpu') as model:
        for shape in ((1, 40, 56, 3), (2, 16, 24, 3)):
            images = rng.integers(0, len(CAMVID), shape, np.uint8)
            images[..., 1:] = 99
            mask, confidence = model.infer(images)
            assert (mask == images[..., 0]).all() and (confidence == 255).all()
