"""A model made ready: it ran at its size, gives masks, and is let go of."""

from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.backends.base import Backend
from espnet_ros.backends.open_model import open_model
from espnet_ros.core.errors import BackendError


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return the shapes that went through any backend."""
    seen, infer = [], Backend.infer

    def note(backend, images):
        seen.append(images.shape)
        return infer(backend, images)

    monkeypatch.setattr(Backend, 'infer', note)
    return seen


@pytest.mark.parametrize(
    ('size_wh', 'network'), [(None, (1, 48, 64, 3)), ((32, 24), (1, 24, 32, 3))]
)
def test_it_ran_once_at_the_size_asked_for_or_its_own(checker, shapes, size_wh, network):
    with open_model(checker.path, 'onnx', 'cpu', size_wh=size_wh) as model:
        assert shapes == [network]
        assert model.bundle.name == 'checker' and model.size_wh == network[2:0:-1]
        assert (model.backend.name, model.backend.precision) == ('onnx', 'f32')
        result = model.segmenter.segment(np.full((20, 40, 3), 255, np.uint8))
        assert shapes == [network, network]
        assert result.mask.shape == (20, 40) and set(np.unique(result.mask)) <= {0, 1, 2, 4}
    with pytest.raises(BackendError, match='is not active'):
        model.backend.infer(np.zeros(network, np.uint8))


def test_masks_may_be_of_the_size_of_the_network(checker):
    with open_model(checker, 'onnx', 'cpu', mask_size='network') as model:
        mask = model.segmenter.segment(np.zeros((20, 40, 3), np.uint8)).mask
    np.testing.assert_array_equal(mask, np.full((48, 64), 3, np.uint8))


def test_a_backend_that_moves_on_to_a_processor_while_it_warms_up(checker, monkeypatch):
    warm = []

    def warm_up(self, size_wh, batch=1):
        warm.append(batch)
        monkeypatch.setattr(Backend, 'gains_by_batches', False)

    monkeypatch.setattr(Backend, 'gains_by_batches', True)
    monkeypatch.setattr(Backend, 'warm_up', warm_up)
    with open_model(checker, 'onnx', 'cpu', cameras=3) as model:
        assert warm == [3, 1] and model.images_at_once == 1


def test_progress_and_threads_hold_from_the_load_on(checker, monkeypatch):
    told, load = [], Backend.__enter__

    def enter(backend):
        backend.on_progress(f'building with {backend.threads}')
        return load(backend)

    monkeypatch.setattr(Backend, '__enter__', enter)
    with open_model(checker, 'onnx', 'cpu', on_progress=told.append, threads=3) as model:
        assert told == ['building with 3']
        facts = {'backend': 'onnx', 'precision': 'f32', 'model': 'checker', 'size_wh': '64x48'}
        assert model.facts == {**facts, 'device': model.backend.device}
