"""What the parameters make of a model."""

from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.backends.base import Backend
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.labels import UNLABELED
from espnet_ros.ros.model import NO_FACTS, load_model


def test_pixels_below_min_confidence_get_no_label(toy_model) -> None:
    # The toy's class is 0 (blue 0) and its confidence is the green value; 0.5 is level 128.
    image = np.zeros((24, 32, 3), np.uint8)
    image[:, :, 1] = 127
    image[:, 20:, 1] = 128
    values = {'model': str(toy_model), 'backend': 'onnx', 'mask.min_confidence': 0.5}
    with load_model(NodeConfig.from_parameters(values)) as model:
        mask = model.segmenter.segment(image).mask
    assert (mask[:, :20] == UNLABELED).all() and (mask[:, 20:] == 0).all()


def test_sizes_and_threads_are_those_of_the_parameters(toy_model) -> None:
    values = {'model': str(toy_model), 'backend': 'onnx', 'input.size_wh': [48, 16],
              'mask.size': 'network', 'threads': 3}  # fmt: skip
    with load_model(NodeConfig.from_parameters(values)) as model:
        assert model.size_wh == (48, 16) and model.backend.threads == 3
        assert model.segmenter.segment(np.zeros((24, 32, 3), np.uint8)).mask.shape == (16, 48)


def test_facts_follow_a_backend_that_moves_on(toy_model) -> None:
    told = []
    config = NodeConfig.from_parameters({'model': str(toy_model), 'backend': 'onnx'})
    with load_model(config, told.append) as model:
        assert model.backend.on_progress == told.append
        facts = model.facts
        assert (facts['backend'], facts['model'], facts['size_wh']) == ('onnx', 'toy', '32x24')
        assert facts.keys() == NO_FACTS.keys() and set(NO_FACTS.values()) == {''}
        model.backend.name, model.backend.device = 'torch', 'cuda:0 (Orin)'
        assert (model.facts['backend'], model.facts['device']) == ('torch', 'cuda:0 (Orin)')


@pytest.mark.parametrize(
    ('cameras', 'on_gpu', 'batches'),
    [
        ([], True, [1]),
        (['front', 'left', 'right'], True, [3, 2, 1]),
        (['a', 'b', 'c', 'd', 'e'], True, [4, 3, 2, 1]),
        (['front', 'left', 'right'], False, [1]),
    ],
)
def test_a_gpu_gets_the_images_of_all_cameras_at_once_and_is_warm_for_that(
    toy_model, monkeypatch, cameras, on_gpu, batches
) -> None:
    warm = []
    monkeypatch.setattr(Backend, 'gains_by_batches', on_gpu)
    monkeypatch.setattr(Backend, 'warm_up', lambda self, size_wh, batch=1: warm.append(batch))
    values = {'model': str(toy_model), 'backend': 'onnx', 'cameras': cameras}
    with load_model(NodeConfig.from_parameters(values)) as model:
        assert warm == batches and model.images_at_once == batches[0]
