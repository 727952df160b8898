"""What the parameters make of a model."""

from __future__ import annotations

import numpy as np

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.labels import UNLABELED
from espnet_ros.ros.model import load_model


def test_pixels_below_min_confidence_get_no_label(toy_model) -> None:
    # The toy's class is 0 (blue 0) and its confidence is the green value; 0.5 is level 128.
    image = np.zeros((24, 32, 3), np.uint8)
    image[:, :, 1] = 127
    image[:, 20:, 1] = 128
    values = {'model': str(toy_model), 'backend': 'onnx', 'mask.min_confidence': 0.5}
    model = load_model(NodeConfig.from_parameters(values))
    try:
        mask = model.segmenter.segment(image).mask
    finally:
        model.close()
    assert (mask[:, :20] == UNLABELED).all() and (mask[:, 20:] == 0).all()


def test_facts_follow_a_backend_that_moves_on(toy_model, monkeypatch) -> None:
    told = []
    config = NodeConfig.from_parameters({'model': str(toy_model), 'backend': 'onnx'})
    model = load_model(config, told.append)
    try:
        assert model._backend.on_progress == told.append
        facts = model.facts
        assert (facts['backend'], facts['model'], facts['size_wh']) == ('onnx', 'toy', '32x24')
        model._backend.name, model._backend.device = 'torch', 'cuda:0 (Orin)'
        assert (model.facts['backend'], model.facts['device']) == ('torch', 'cuda:0 (Orin)')
    finally:
        model.close()
